/*
 * Syncing a file and its directory while something else is done, mostly the commit of the index: the
 * waits for the disk become one. A thread syncs the directory (where there may be none, sync_end()
 * does); the file joins it in sync_end().
 */
#ifndef STORE_SYNC_H
#define STORE_SYNC_H

#include <pthread.h>
#include <stdbool.h>

struct sync {
	int file, dir;
	int error; /* errno of the directory, 0 = good */
	bool threaded;
	pthread_t thread;
};

/* Begins to sync them as they are now. Both stay open until sync_end(). */
void sync_begin(struct sync *s, int file, int dir);
/* Waits. 0, or -1 with errno. */
int sync_end(struct sync *s);

#endif
