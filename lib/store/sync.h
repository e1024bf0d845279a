/*
 * Syncing a directory while something else is done, mostly the commit of the index: two waits for
 * the disk become one. A thread does it; where there may be none, sync_end() does.
 */
#ifndef STORE_SYNC_H
#define STORE_SYNC_H

#include <pthread.h>
#include <stdbool.h>

struct sync {
	int fd;
	int error; /* errno of the sync, 0 = good */
	bool threaded;
	pthread_t thread;
};

/* Begins to sync what has been done in the directory so far. fd stays open until sync_end(). */
void sync_begin(struct sync *s, int fd);
/* Waits. 0, or -1 with errno. */
int sync_end(struct sync *s);

#endif
