/*
 * Helper threads for what may block: writing, syncing, reading files. A task runs in a thread and
 * ends on the loop; the results come back by an eventfd.
 *
 * Group commit: a task that wants its directory synced is not done until an fsync of that
 * directory, started after the task's own work had returned, has succeeded. One such fsync serves
 * all that wait; the next group forms while one runs, and their files are synced at the same time
 * (base/round.h). When one fails, all fail that had begun before it ended.
 */
#ifndef QUEUE_POOL_H
#define QUEUE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

enum pool_lane {
	POOL_COMMIT, /* somebody waits for a 250 */
	POOL_WORK, /* results, loading */
	POOL_REMOVE, /* nobody waits: one thread does them all, one after the other */
	POOL_LANES
};

enum { POOL_NO_DIR = -1 };

/* Embedded in its owner. */
struct task {
	/* In a thread: 0, or an errno. Touches nothing that the loop may touch meanwhile. */
	int (*run)(struct task *t);
	/* On the loop, once. error: what run gave, or why the directory could not be synced. */
	void (*done)(struct task *t, int error);
	int sync_dir; /* hash directory to sync when run gave 0, or POOL_NO_DIR */
	/* In a thread, beside that: syncs a file, gives 0 or an errno. Set by run(), or NULL. */
	int (*sync)(struct task *t);
	bool sync_failed; /* the error is that of a sync: set here, by run() if it syncs itself */
	int error;

	/* of the pool */
	unsigned failures; /* syncs of that directory that had failed when it began */
	unsigned left; /* syncs that are not done */
	uint64_t round;
	TAILQ_ENTRY(task) next; /* until it is done */
};

/* Starts the threads. sync syncs a directory (0 or -1 with errno). -1 with errno. */
int pool_init(unsigned threads, int (*sync)(unsigned dir));
void pool_submit(struct task *t, enum pool_lane lane);
/* Something in that directory has changed and shall be durable within 200 ms. */
void pool_dirty(unsigned dir);
/* Called on the loop when such a late sync failed. */
void pool_on_failure(void (*fn)(int error));
/* Takes results without being woken: every second, in case a wake-up was lost. */
void pool_poll(void);
/* Tasks submitted and not yet done. */
unsigned pool_busy(void);

#endif
