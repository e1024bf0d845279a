/*
 * Which messages are being delivered right now. When the queue has restarted it may hand out a job
 * again while the first worker is still busy with it; the second one waits for the first here,
 * since both use the same file names.
 */
#ifndef MAILDIR_CLAIM_H
#define MAILDIR_CLAIM_H

#include <stdint.h>
#include <sys/queue.h>

struct claim {
	uint64_t id;
	uint32_t slot;
	LIST_ENTRY(claim) next;
};

/* Waits until nobody else has (id, slot); then it is the caller's until claim_drop(). */
void claim_take(struct claim *c, uint64_t id, uint32_t slot);
void claim_drop(struct claim *c);

#endif
