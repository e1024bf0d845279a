/*
 * Mailbox directories: found below the mail directory without following a link, checked, made if
 * the Maildir is missing, and kept open while they are in use often.
 *
 * All calls are safe from any thread. A thread must have become the owner (become.h) first.
 */
#ifndef MAILDIR_MAILBOX_H
#define MAILDIR_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "base/str.h"
#include "mail/status.h"

struct mailbox;

/* mail_dir stays the caller's; keep = how many mailboxes stay open when nobody uses them. */
void mailbox_init(int mail_dir, unsigned keep);
void mailbox_close_all(void); /* of those not in use; for tests */

/*
 * The mailbox `folder` ("" = INBOX) of the home at that path below the mail directory. NULL with a
 * 4xx in st: what is wrong on this host is never the sender's fault.
 */
struct mailbox *mailbox_open(struct str home, struct str folder, uid_t owner, struct status *st);
/* Gives it back. broken: something failed there, so the next one opens it anew. */
void mailbox_put(struct mailbox *m, bool broken);

int mailbox_tmp(const struct mailbox *m);
int mailbox_new(const struct mailbox *m);
/* "new", "cur" or "gone" of it: a new descriptor, yours, or -1 with errno. */
int mailbox_subdir(const struct mailbox *m, const char *name);

/* Something that has been linked into new/ and is not durable yet. Embedded in its owner. */
struct landing {
	struct mailbox *box;
	int fd; /* the file: mailbox_sync() closes it */
	/*
	 * Called once, perhaps in another thread, and perhaps before mailbox_sync() returns. error:
	 * 0, or why it is not durable; no sync is repeated. last: of those whom one sync of the
	 * directory served.
	 */
	void (*done)(struct landing *l, int error, bool last);
	TAILQ_ENTRY(landing) next;

	/* of mailbox_sync() */
	TAILQ_ENTRY(landing) waiting;
	uint64_t round;
	unsigned left; /* syncs: of the file and of the directory */
	int error;
	bool last;
};
TAILQ_HEAD(landings, landing);

/* Something is about to land: mailbox_sync() will be called, be it with an empty list. */
void mailbox_expect(void);

/*
 * Makes durable all of the list, which is empty afterwards: each file and its directory are synced,
 * at the same time as those of other threads (base/round.h). All who come while a mailbox is synced
 * share the next sync of it.
 */
void mailbox_sync(struct landings *list);

#endif
