/*
 * Which messages are being delivered right now. When the queue has restarted it may hand out a job
 * again while the first worker is still busy with it; the second one waits for the first here,
 * since both use the same file names.
 */
#ifndef MAILDIR_CLAIM_H
#define MAILDIR_CLAIM_H

#include <sys/queue.h>

#include "proto/deliver.h"

struct claim {
	const struct deliver_job *job; /* borrowed until claim_drop() */
	LIST_ENTRY(claim) next;
};

/* Waits until nobody else has one of the job's recipients; then all are the caller's until
 * claim_drop(), by whatever thread. */
void claim_take(struct claim *c, const struct deliver_job *j);
void claim_drop(struct claim *c);

#endif
