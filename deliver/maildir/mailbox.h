/*
 * Mailbox directories: found below the mail directory without following a link, checked, made if
 * the Maildir is missing, and kept open while they are in use often.
 *
 * All calls are safe from any thread. A thread must have become the owner (become.h) first.
 */
#ifndef MAILDIR_MAILBOX_H
#define MAILDIR_MAILBOX_H

#include <stdint.h>
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

/*
 * Makes durable what the caller has linked into new/ before the call. Callers at the same time
 * share a sync: one that began after all of them had linked serves them all. -1 with errno when it
 * failed, for every caller it was to serve; it is not repeated for them.
 */
int mailbox_sync(struct mailbox *m);

#endif
