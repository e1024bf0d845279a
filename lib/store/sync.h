/*
 * Syncing a file and its directory while something else is done, mostly the commit of the index: the
 * waits for the disk become one. Each has a thread, so that both wait for the same commit of the file
 * system's journal: a sync that begins when that is done has the disk flush its cache once more.
 *
 * The threads begin with the first sync and stay, until syncer_rest().
 */
#ifndef STORE_SYNC_H
#define STORE_SYNC_H

#include <pthread.h>
#include <stdbool.h>

enum { SYNC_FILE, SYNC_DIR, SYNC_MAX };

struct sync_worker {
	struct syncer *of;
	pthread_t thread;
	bool there; /* it has a thread */
	int fd; /* to sync; -1 = nothing to do */
	int error; /* errno of its last sync, 0 = good */
};

struct syncer {
	pthread_mutex_t lock;
	pthread_cond_t begun, done;
	bool resting; /* the threads are to end */
	struct sync_worker w[SYNC_MAX];
};

void syncer_init(struct syncer *y);
void syncer_clear(struct syncer *y);
/* Begins to sync them as they are now. Both stay open until syncer_end(), which always follows. */
void syncer_begin(struct syncer *y, int file, int dir);
/* Waits. 0, or -1 with errno. */
int syncer_end(struct syncer *y);
/* Ends the threads: nothing will be synced for a while. */
void syncer_rest(struct syncer *y);

#endif
