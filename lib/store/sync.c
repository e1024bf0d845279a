/* Syncing beside other work. See sync.h. */
#include "store/sync.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "base/ipc.h"

/* Next to nothing is used, but the thread's own copy of IPC's packet (base/ipc.h) lies in there. */
enum { STACK = 64 * 1024 + IPC_PACKET_MAX };

/*
 * The directory first: its sync commits the file system's journal whatever is in it, and with it the
 * file, which joins that commit or finds it done. The other way round, what comes into the journal
 * meanwhile costs a commit more.
 */
static void sync_dir(struct sync *s)
{
	s->error = fsync(s->dir) == -1 ? errno : 0;
}

static void *run(void *arg)
{
	sync_dir(arg);
	return NULL;
}

void sync_begin(struct sync *s, int file, int dir)
{
	pthread_attr_t attr;
	sigset_t all, was;

	*s = (struct sync){ .file = file, .dir = dir };
	if (pthread_attr_init(&attr) != 0)
		return;
	/* signals belong to the process's own thread */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	s->threaded = pthread_attr_setstacksize(&attr, STACK) == 0 &&
		      pthread_create(&s->thread, &attr, run, s) == 0;
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	pthread_attr_destroy(&attr);
}

int sync_end(struct sync *s)
{
	int error;

	if (!s->threaded)
		sync_dir(s);
	error = fsync(s->file) == -1 ? errno : 0;
	if (s->threaded)
		pthread_join(s->thread, NULL);
	errno = error != 0 ? error : s->error;
	return errno == 0 ? 0 : -1;
}
