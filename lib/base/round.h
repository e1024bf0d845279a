/*
 * Syncs that begin together. Each commit of a file system's journal costs every processor something
 * and is waited for by all whose files are in it: threads that are about to sync wait for each
 * other, though not long, and then sync what they have at the same time, in one commit.
 *
 * A thread says round_expect() when it begins something that ends in a sync, and then either
 * round_join(), its syncs, round_leave(), or round_forgo(). All under a lock of the owner's, which
 * round_join() gives up while it waits.
 */
#ifndef BASE_ROUND_H
#define BASE_ROUND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct round {
	unsigned expected; /* will join, or not need to */
	unsigned joined; /* wait for the next round to begin */
	unsigned syncing; /* are in one that has begun */
	uint64_t number; /* how many have begun */
	bool gathering; /* somebody decides when the next one begins */
	pthread_cond_t gathered, begun;
};

void round_init(struct round *r);
void round_clear(struct round *r);
void round_expect(struct round *r);
void round_forgo(struct round *r);
/*
 * Until nobody is expected and nobody syncs any more, or for two milliseconds after the first has
 * come. Who is alone does not wait.
 */
void round_join(struct round *r, pthread_mutex_t *lock);
void round_leave(struct round *r);

#endif
