/* Helper threads and group commit. See pool.h. */
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/loop.h"
#include "spool.h"

enum { LATE_SYNC_MS = 200 };

TAILQ_HEAD(tasks, task);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static struct tasks lanes[POOL_LANES];
static struct tasks finished = TAILQ_HEAD_INITIALIZER(finished);
static unsigned running[POOL_LANES], limits[POOL_LANES];
static int (*sync_dir)(unsigned dir);
static int event = -1;

/* One per hash directory: who waits for the next sync, and who is served by the one that runs. */
static struct group {
	struct task task;
	struct tasks waiting, served;
	bool busy;
} groups[SPOOL_DIRS];

static unsigned busy; /* on the loop only */
static struct watch watch;
static struct timer late;
static bool dirty[SPOOL_DIRS];
static void (*on_failure)(int error);

/* --- in the threads, with the lock ------------------------------------------------------------ */

static void finish(struct task *t)
{
	bool first = TAILQ_EMPTY(&finished);

	TAILQ_INSERT_TAIL(&finished, t, next);
	if (first) {
		const uint64_t one = 1;
		/* the counter cannot overflow: it is written only when the list was empty */
		ssize_t r = write(event, &one, sizeof one);

		/* should it fail all the same, pool_poll() comes by */
		if (r == -1)
			r = write(event, &one, sizeof one);
		(void)r;
	}
}

static void enqueue(struct task *t, enum pool_lane lane)
{
	TAILQ_INSERT_TAIL(&lanes[lane], t, next);
	pthread_cond_signal(&wake);
}

static void group_start(struct group *g)
{
	struct task *t;

	g->busy = true;
	while ((t = TAILQ_FIRST(&g->waiting)) != NULL) {
		TAILQ_REMOVE(&g->waiting, t, next);
		TAILQ_INSERT_TAIL(&g->served, t, next);
	}
	enqueue(&g->task, POOL_COMMIT);
}

static void group_end(struct group *g)
{
	struct task *t;

	while ((t = TAILQ_FIRST(&g->served)) != NULL) {
		TAILQ_REMOVE(&g->served, t, next);
		t->error = g->task.error;
		t->sync_failed = t->error != 0;
		finish(t);
	}
	g->busy = false;
	if (!TAILQ_EMPTY(&g->waiting))
		group_start(g);
}

static void task_ran(struct task *t)
{
	struct group *g;

	if (t >= &groups[0].task && t <= &groups[SPOOL_DIRS - 1].task) {
		group_end((struct group *)((char *)t - offsetof(struct group, task)));
		return;
	}
	if (t->error != 0 || t->sync_dir == POOL_NO_DIR) {
		finish(t);
		return;
	}
	g = &groups[t->sync_dir];
	TAILQ_INSERT_TAIL(&g->waiting, t, next);
	if (!g->busy)
		group_start(g);
}

static int run_group(struct task *t)
{
	const struct group *g = (struct group *)((char *)t - offsetof(struct group, task));

	return sync_dir((unsigned)(g - groups)) == -1 ? errno : 0;
}

static struct task *next_task(enum pool_lane *lane)
{
	for (;;) {
		for (unsigned l = 0; l < POOL_LANES; l++) {
			struct task *t = TAILQ_FIRST(&lanes[l]);

			if (t == NULL || running[l] >= limits[l])
				continue;
			TAILQ_REMOVE(&lanes[l], t, next);
			*lane = l;
			return t;
		}
		pthread_cond_wait(&wake, &lock);
	}
}

static void *thread_main(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	for (;;) {
		enum pool_lane lane;
		struct task *t = next_task(&lane);

		running[lane]++;
		pthread_mutex_unlock(&lock);
		t->error = t->run(t);
		pthread_mutex_lock(&lock);
		running[lane]--;
		/* a task of this lane may have been passed over while the lane was full */
		if (!TAILQ_EMPTY(&lanes[lane]))
			pthread_cond_signal(&wake);
		task_ran(t);
	}
	return NULL;
}

/* --- on the loop ------------------------------------------------------------------------------ */

static void on_finished(void *arg, unsigned what)
{
	struct tasks list = TAILQ_HEAD_INITIALIZER(list);
	struct task *t;
	uint64_t n;

	(void)arg;
	(void)what;
	if (read(event, &n, sizeof n) == -1 && errno != EAGAIN && errno != EINTR)
		return;
	pthread_mutex_lock(&lock);
	TAILQ_CONCAT(&list, &finished, next);
	pthread_mutex_unlock(&lock);
	while ((t = TAILQ_FIRST(&list)) != NULL) {
		TAILQ_REMOVE(&list, t, next);
		busy--;
		t->done(t, t->error);
	}
}

void pool_submit(struct task *t, enum pool_lane lane)
{
	busy++;
	pthread_mutex_lock(&lock);
	enqueue(t, lane);
	pthread_mutex_unlock(&lock);
}

void pool_poll(void)
{
	if (busy > 0)
		on_finished(NULL, 0);
}

unsigned pool_busy(void)
{
	return busy;
}

/* A late sync has nothing to do itself: it only joins the group of its directory. */
static struct task late_tasks[SPOOL_DIRS];
static bool late_running[SPOOL_DIRS];

static int run_late(struct task *t)
{
	(void)t;
	return 0;
}

static void sync_late(void *arg);

static void late_done(struct task *t, int error)
{
	late_running[t - late_tasks] = false;
	if (error != 0 && on_failure != NULL)
		on_failure(error);
}

static void sync_late(void *arg)
{
	bool again = false;

	(void)arg;
	for (unsigned i = 0; i < SPOOL_DIRS; i++) {
		if (!dirty[i])
			continue;
		if (late_running[i]) {
			again = true;
			continue;
		}
		dirty[i] = false;
		late_running[i] = true;
		late_tasks[i] =
		    (struct task){ .run = run_late, .done = late_done, .sync_dir = (int)i };
		pool_submit(&late_tasks[i], POOL_WORK);
	}
	if (again)
		timer_set(&late, LATE_SYNC_MS, sync_late, NULL);
}

void pool_dirty(unsigned dir)
{
	dirty[dir] = true;
	if (!late.armed)
		timer_set(&late, LATE_SYNC_MS, sync_late, NULL);
}

void pool_on_failure(void (*fn)(int error))
{
	on_failure = fn;
}

static int start_threads(unsigned threads)
{
	for (unsigned i = 0; i < threads; i++) {
		pthread_attr_t attr;
		pthread_t id;
		int r = pthread_attr_init(&attr);

		if (r == 0)
			r = pthread_attr_setstacksize(&attr, 256 * 1024);
		if (r == 0)
			r = pthread_create(&id, &attr, thread_main, NULL);
		if (r != 0) {
			errno = r;
			return -1;
		}
		pthread_attr_destroy(&attr);
	}
	return 0;
}

int pool_init(unsigned threads, int (*sync)(unsigned dir))
{
	sigset_t all, old;
	int r;

	sync_dir = sync;
	for (unsigned l = 0; l < POOL_LANES; l++)
		TAILQ_INIT(&lanes[l]);
	limits[POOL_COMMIT] = threads;
	limits[POOL_WORK] = threads > 1 ? threads / 2 : 1;
	for (unsigned i = 0; i < SPOOL_DIRS; i++) {
		TAILQ_INIT(&groups[i].waiting);
		TAILQ_INIT(&groups[i].served);
		groups[i].task = (struct task){ .run = run_group };
	}
	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event == -1)
		return -1;
	watch_set(&watch, event, WATCH_READ, on_finished, NULL);
	/* signals are the main thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = start_threads(threads);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}
