/*
 * One message into one mailbox: tmp/, link into new/, sync of the file and of new/, and only then a
 * 250. The content is written back before the link: what a power cut leaves in new/ is whole where
 * the file system's journal keeps the order (ext4, XFS); elsewhere the size in the name tells.
 * Nothing is reported as delivered that a power cut could take away, and nothing that goes wrong
 * here is ever the sender's fault: all failures are temporary.
 */
#ifndef MAILDIR_DELIVER_H
#define MAILDIR_DELIVER_H

#include "mailbox.h"
#include "name.h"
#include "proto/deliver.h"

/* What a thread needs for its work, made once. */
struct desk;

struct desk *desk_new(struct str host); /* host: goes into file names; borrowed */
void desk_free(struct desk *d);

/* A delivery under way. The caller sets the first part and keeps all of it until done(). */
struct delivery {
	const struct deliver_job *job;
	const struct deliver_rcpt *rcpt;
	struct status *st; /* the outcome */
	/* Called once, perhaps in another thread. news: the mailbox's sessions are to be told now.
	 */
	void (*done)(struct delivery *d, bool news);

	struct landing landing;
	char name[NAME_SIZE]; /* in new/ */
	bool linked; /* by this attempt */
	bool broken; /* the directories that are open are not to be used again */
};

/*
 * Puts the body in body_fd into new/ and its landing into the list: mailbox_sync() is to follow,
 * and calls done(). Where that is not needed, because the delivery failed or had happened before,
 * done() has been called already.
 */
void deliver(struct desk *desk, struct delivery *d, int body_fd, struct landings *list);

#endif
