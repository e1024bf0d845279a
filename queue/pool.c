/* Helper threads and group commit. See pool.h. */
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/loop.h"
#include "base/round.h"
#include "spool.h"

enum { LATE_SYNC_MS = 200 };

TAILQ_HEAD(tasks, task);

/* A thread of the pool. One that has nothing to do waits until it is handed a task. */
struct worker {
	sem_t handed;
	struct task *task;
	enum pool_lane lane; /* of the task */
	SLIST_ENTRY(worker) next;
};
SLIST_HEAD(workers, worker);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct workers idle = SLIST_HEAD_INITIALIZER(idle); /* the last to rest is first */
static struct workers roused = SLIST_HEAD_INITIALIZER(roused); /* have a task, and sleep yet */
static struct tasks lanes[POOL_LANES];
static struct tasks finished = TAILQ_HEAD_INITIALIZER(finished);
static bool news; /* the loop has not been told yet of what has finished */
static unsigned running[POOL_LANES], limits[POOL_LANES];
static int (*sync_dir)(unsigned dir);
static int event = -1;

/* One per directory: who waits for the next sync of it. */
static struct group {
	struct tasks waiting;
	bool busy; /* a thread syncs, for as long as somebody waits */
	unsigned failures; /* of its syncs */
	int error; /* of the last of them */
} groups[SPOOL_DIRS_ALL];
static struct round rounds;

static unsigned busy; /* on the loop only */
static struct watch watch;
static struct timer late;
static bool dirty[SPOOL_DIRS_ALL];
static void (*on_failure)(int error);

/* --- in the threads, with the lock ------------------------------------------------------------ */

static void finish(struct task *t)
{
	news = news || TAILQ_EMPTY(&finished);
	TAILQ_INSERT_TAIL(&finished, t, next);
}

/* Wakes whoever has something to do, once nobody would wake up just to wait for the lock. */
static void unlock(void)
{
	const uint64_t one = 1;
	struct workers list = roused;
	bool tell = news;
	ssize_t r = 0;

	SLIST_INIT(&roused);
	news = false;
	pthread_mutex_unlock(&lock);
	while (!SLIST_EMPTY(&list)) {
		struct worker *w = SLIST_FIRST(&list);

		SLIST_REMOVE_HEAD(&list, next);
		sem_post(&w->handed);
	}
	/* the counter cannot overflow: it is written only when the list was empty */
	if (tell)
		r = write(event, &one, sizeof one);
	/* should it fail all the same, pool_poll() comes by */
	if (r == -1)
		r = write(event, &one, sizeof one);
	(void)r;
}

/* The task whose turn it is in the lanes that are not full. */
static struct task *take_task(enum pool_lane *lane)
{
	for (unsigned l = 0; l < POOL_LANES; l++) {
		struct task *t = TAILQ_FIRST(&lanes[l]);

		if (t == NULL || running[l] >= limits[l])
			continue;
		TAILQ_REMOVE(&lanes[l], t, next);
		running[l]++;
		if (t->sync_dir != POOL_NO_DIR) {
			round_expect(&rounds);
			t->failures = groups[t->sync_dir].failures;
		}
		*lane = (enum pool_lane)l;
		return t;
	}
	return NULL;
}

/* Hands out what idle threads can do: no thread wakes up for nothing. */
static void hand_out(void)
{
	struct worker *w;

	while ((w = SLIST_FIRST(&idle)) != NULL && (w->task = take_task(&w->lane)) != NULL) {
		SLIST_REMOVE_HEAD(&idle, next);
		SLIST_INSERT_HEAD(&roused, w, next);
	}
}

/* One of the syncs that it needs; the first error counts. */
static void one_done(struct task *t, int error)
{
	if (error != 0 && !t->sync_failed) {
		t->sync_failed = true;
		t->error = error;
	}
	if (--t->left == 0)
		finish(t);
}

/* The first who waits in a round that has begun, or NULL. */
static struct task *first_waiting(const struct group *g)
{
	struct task *t = TAILQ_FIRST(&g->waiting);

	return t != NULL && t->round <= rounds.number ? t : NULL;
}

/*
 * Syncs that directory for all of these. A sync that fails may have lost what others had done by
 * then, and the next one says nothing of it any more: all fail who were under way when one failed.
 */
static void sync_group(struct group *g)
{
	struct tasks served = TAILQ_HEAD_INITIALIZER(served);
	struct task *t;
	int error;

	while ((t = first_waiting(g)) != NULL) {
		TAILQ_REMOVE(&g->waiting, t, next);
		TAILQ_INSERT_TAIL(&served, t, next);
	}
	unlock();
	error = sync_dir((unsigned)(g - groups)) == -1 ? errno : 0;
	pthread_mutex_lock(&lock);
	if (error != 0) {
		g->failures++;
		g->error = error;
	}
	while ((t = TAILQ_FIRST(&served)) != NULL) {
		TAILQ_REMOVE(&served, t, next);
		one_done(t, t->failures != g->failures ? g->error : 0);
	}
}

/* For as long as somebody waits, unless another thread does it. */
static void sync_waiting(struct group *g)
{
	if (g->busy)
		return;
	g->busy = true;
	while (first_waiting(g) != NULL)
		sync_group(g);
	g->busy = false;
}

static void sync_own(struct task *t)
{
	int error;

	unlock();
	error = t->sync(t);
	pthread_mutex_lock(&lock);
	one_done(t, error);
}

/* Together with what others sync: whoever is to hear of something hears of it before. */
static void sync_task(struct task *t)
{
	struct group *g = &groups[t->sync_dir];
	bool own = t->sync != NULL;

	t->left = own ? 2 : 1;
	t->round = rounds.number + 1;
	TAILQ_INSERT_TAIL(&g->waiting, t, next);
	unlock();
	pthread_mutex_lock(&lock);
	round_join(&rounds, &lock);
	sync_waiting(g);
	/* without one of its own it may be done, and gone */
	if (own)
		sync_own(t);
	round_leave(&rounds);
}

static void task_ran(struct task *t)
{
	if (t->sync_dir != POOL_NO_DIR && t->error == 0) {
		sync_task(t);
		return;
	}
	if (t->sync_dir != POOL_NO_DIR)
		round_forgo(&rounds);
	finish(t);
}

/* With the lock, which is given up: the next task, once there is one. */
static struct task *next_task(struct worker *w)
{
	w->task = take_task(&w->lane);
	if (w->task != NULL) {
		unlock();
		return w->task;
	}
	SLIST_INSERT_HEAD(&idle, w, next);
	unlock();
	while (sem_wait(&w->handed) == -1)
		;
	return w->task;
}

static void *thread_main(void *arg)
{
	struct worker *w = arg;

	pthread_mutex_lock(&lock);
	for (;;) {
		struct task *t = next_task(w);

		t->error = t->run(t);
		pthread_mutex_lock(&lock);
		task_ran(t);
		running[w->lane]--;
		/* what this lane had no room for, unless it is for this thread */
		if (!TAILQ_EMPTY(&lanes[w->lane]))
			hand_out();
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
	TAILQ_INSERT_TAIL(&lanes[lane], t, next);
	hand_out();
	unlock();
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
static struct task late_tasks[SPOOL_DIRS_ALL];
static bool late_running[SPOOL_DIRS_ALL];

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
	for (unsigned i = 0; i < SPOOL_DIRS_ALL; i++) {
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
		struct worker *w = xcalloc(1, sizeof *w);
		pthread_attr_t attr;
		pthread_t id;
		int r = pthread_attr_init(&attr);

		sem_init(&w->handed, 0, 0);
		if (r == 0)
			r = pthread_attr_setstacksize(&attr, 256 * 1024);
		if (r == 0)
			r = pthread_create(&id, &attr, thread_main, w);
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
	round_init(&rounds);
	for (unsigned l = 0; l < POOL_LANES; l++)
		TAILQ_INIT(&lanes[l]);
	limits[POOL_COMMIT] = threads;
	limits[POOL_WORK] = threads > 1 ? threads / 2 : 1;
	limits[POOL_REMOVE] = 1;
	for (unsigned i = 0; i < SPOOL_DIRS_ALL; i++)
		TAILQ_INIT(&groups[i].waiting);
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
