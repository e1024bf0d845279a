/*
 * Names of mailboxes: in the store UTF-8 with '/' between levels, on disk Maildir++ directories
 * ".Level.Level" in modified UTF-7 (RFC 3501 5.1.3), where a '.' inside a level is "&AC4-".
 * The dot in front is not part of the folder name here; the folder of INBOX is "".
 */
#ifndef STORE_FOLDER_H
#define STORE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum { FOLDER_BYTES = 240 }; /* longest name in either form; NAME_MAX minus room for the dot */

struct folder {
	char name[FOLDER_BYTES + 1]; /* UTF-8, "INBOX" in capitals */
	char dir[FOLDER_BYTES + 1];
	size_t nname, ndir;
};

/*
 * Takes a name as a client gives it. 0, or -1 if it cannot name a mailbox. With `create` also -1
 * for what may exist but should not be made: '%', '*', a leading '~'.
 */
int folder_from_name(struct str name, bool create, struct folder *f);

/* Takes the name of a directory, without its dot. -1 if it is nobody's. Raw UTF-8 is understood. */
int folder_from_dir(struct str dir, struct folder *f);

static inline struct str folder_name(const struct folder *f)
{
	return (struct str){ f->name, f->nname };
}

static inline struct str folder_dir(const struct folder *f)
{
	return (struct str){ f->dir, f->ndir };
}

/* True if name is below parent ("a/b" below "a"). */
bool folder_below(struct str name, struct str parent);

#endif
