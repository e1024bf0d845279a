/*
 * Homes of accounts below the mail directory. Used by spawn alone, as root and without the right to
 * override file permissions.
 */
#ifndef SPAWN_HOME_H
#define SPAWN_HOME_H

#include <stdbool.h>

#include "base/str.h"
#include "mail/status.h"

/* Who may own a mailbox. */
struct owners {
	bool root; /* uids differ; else everything belongs to this process's uid */
	uint32_t least, most;
};

/* Is it "<domain>/<name>" in the alphabet that auth uses (services/auth/home.h)? */
bool home_valid(struct str home);
bool owner_valid(const struct owners *o, uint32_t uid, uint32_t gid);

/*
 * Makes the home with a Maildir in it, all of it owned by uid and gid and synced. One that exists
 * is fine if it is theirs. 0, or -1 with *st saying why.
 */
int home_make(int mail_fd, const struct owners *o, struct str home, uint32_t uid, uint32_t gid,
    struct status *st);

/* The home as an O_PATH descriptor, after a look at its owner; -1 with errno. */
int home_open(int mail_fd, struct str home, uint32_t uid);

#endif
