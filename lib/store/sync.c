/* Syncing beside other work. See sync.h. */
#include "store/sync.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "base/ipc.h"

/* Next to nothing is used, but the thread's own copy of IPC's packet (base/ipc.h) lies in there. */
enum { STACK = 64 * 1024 + IPC_PACKET_MAX };

void syncer_init(struct syncer *y)
{
	*y = (struct syncer){ .resting = false };
	pthread_mutex_init(&y->lock, NULL);
	pthread_cond_init(&y->begun, NULL);
	pthread_cond_init(&y->done, NULL);
	for (int i = 0; i < SYNC_MAX; i++)
		y->w[i] = (struct sync_worker){ .of = y, .fd = -1 };
}

void syncer_clear(struct syncer *y)
{
	syncer_rest(y);
	pthread_cond_destroy(&y->begun);
	pthread_cond_destroy(&y->done);
	pthread_mutex_destroy(&y->lock);
}

static int sync_one(int fd)
{
	return fsync(fd) == -1 ? errno : 0;
}

static void *work(void *arg)
{
	struct sync_worker *w = arg;
	struct syncer *y = w->of;
	int error;

	pthread_mutex_lock(&y->lock);
	while (!y->resting) {
		if (w->fd == -1) {
			pthread_cond_wait(&y->begun, &y->lock);
			continue;
		}
		pthread_mutex_unlock(&y->lock);
		error = sync_one(w->fd);
		pthread_mutex_lock(&y->lock);
		w->error = error;
		w->fd = -1;
		pthread_cond_signal(&y->done);
	}
	pthread_mutex_unlock(&y->lock);
	return NULL;
}

static void start(struct syncer *y)
{
	pthread_attr_t attr;
	sigset_t all, was;

	if (pthread_attr_init(&attr) != 0)
		return;
	/* signals belong to the process's own thread */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	if (pthread_attr_setstacksize(&attr, STACK) == 0)
		for (int i = 0; i < SYNC_MAX; i++)
			if (!y->w[i].there)
				y->w[i].there =
				    pthread_create(&y->w[i].thread, &attr, work, &y->w[i]) == 0;
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	pthread_attr_destroy(&attr);
}

void syncer_begin(struct syncer *y, int file, int dir)
{
	start(y);
	pthread_mutex_lock(&y->lock);
	y->w[SYNC_FILE].fd = file;
	y->w[SYNC_DIR].fd = dir;
	pthread_cond_broadcast(&y->begun);
	pthread_mutex_unlock(&y->lock);
}

int syncer_end(struct syncer *y)
{
	int error = 0;

	pthread_mutex_lock(&y->lock);
	for (int i = 0; i < SYNC_MAX; i++) {
		struct sync_worker *w = &y->w[i];

		if (!w->there) { /* there may be no more threads */
			w->error = sync_one(w->fd);
			w->fd = -1;
		}
		while (w->fd != -1)
			pthread_cond_wait(&y->done, &y->lock);
		if (error == 0)
			error = w->error;
	}
	pthread_mutex_unlock(&y->lock);
	errno = error;
	return error == 0 ? 0 : -1;
}

void syncer_rest(struct syncer *y)
{
	pthread_mutex_lock(&y->lock);
	y->resting = true;
	pthread_cond_broadcast(&y->begun);
	pthread_mutex_unlock(&y->lock);
	for (int i = 0; i < SYNC_MAX; i++) {
		if (y->w[i].there)
			pthread_join(y->w[i].thread, NULL);
		y->w[i].there = false;
	}
	y->resting = false;
}
