/* Helper threads: who syncs for whom, what runs beside what, what an error means. */
#include "../../../queue/pool.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../../queue/spool.h"
#include "base/loop.h"

enum { THREADS = 4, MANY = 200 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned syncs[SPOOL_DIRS], ran, most, now;
static int sync_error;
static bool only_once; /* the next sync fails, and those after it do not */
static sem_t in_sync, go_on;
static bool hold; /* the next sync says in_sync and waits for go_on */

struct item {
	struct task task;
	unsigned syncs_before; /* that had begun when it had run */
	unsigned number;
	bool done;
};

static int sync_dir(unsigned dir)
{
	bool wait;
	int error;

	pthread_mutex_lock(&lock);
	syncs[dir]++;
	wait = hold;
	hold = false;
	error = sync_error;
	if (only_once)
		sync_error = 0;
	only_once = false;
	pthread_mutex_unlock(&lock);
	if (wait) {
		sem_post(&in_sync);
		while (sem_wait(&go_on) == -1)
			;
	}
	errno = error;
	return error != 0 ? -1 : 0;
}

static int run(struct task *t)
{
	struct item *i = (struct item *)t;

	pthread_mutex_lock(&lock);
	now++;
	most = now > most ? now : most;
	i->number = ran++;
	i->syncs_before = t->sync_dir == POOL_NO_DIR ? 0 : syncs[t->sync_dir];
	now--;
	pthread_mutex_unlock(&lock);
	return 0;
}

static int run_badly(struct task *t)
{
	run(t);
	return ENOSPC;
}

static void done(struct task *t, int error)
{
	struct item *i = (struct item *)t;

	assert_false(i->done);
	assert_int_equal(error, t->error);
	i->done = true;
	/* a sync of its own directory that began when it had run */
	if (error == 0 && t->sync_dir != POOL_NO_DIR) {
		pthread_mutex_lock(&lock);
		assert_true(syncs[t->sync_dir] > i->syncs_before);
		pthread_mutex_unlock(&lock);
	}
}

static int setup(void **state)
{
	(void)state;
	sem_init(&in_sync, 0, 0);
	sem_init(&go_on, 0, 0);
	loop_init();
	return pool_init(THREADS, sync_dir);
}

static void submit(struct item *i, int (*fn)(struct task *t), int dir, enum pool_lane lane)
{
	*i = (struct item){ .task = { .run = fn, .done = done, .sync_dir = dir } };
	pool_submit(&i->task, lane);
}

static void wait_for_all(void)
{
	while (pool_busy() > 0)
		loop_poll();
}

static void test_group(void **state)
{
	struct item first, others[MANY];

	(void)state;
	hold = true;
	submit(&first, run, 7, POOL_COMMIT);
	while (sem_wait(&in_sync) == -1)
		;
	for (unsigned i = 0; i < MANY; i++)
		submit(&others[i], run, 7, POOL_COMMIT);
	/* all have run before the first sync ends, so the second is for all of them */
	for (bool all = false; !all;) {
		pthread_mutex_lock(&lock);
		all = ran == MANY + 1;
		pthread_mutex_unlock(&lock);
	}
	assert_false(first.done);
	sem_post(&go_on);
	wait_for_all();
	assert_true(first.done);
	for (unsigned i = 0; i < MANY; i++)
		assert_true(others[i].done);
	/* a third, if the last one had run but did not wait yet when the second began */
	assert_in_range(syncs[7], 2, 3);
}

/* A sync that fails fails all who were under way: the next one would say nothing of what was lost.
 */
static void test_failure_is_for_all(void **state)
{
	struct item first, others[MANY], later, elsewhere;

	(void)state;
	ran = 0;
	hold = true;
	sync_error = EIO;
	only_once = true;
	submit(&first, run, 9, POOL_COMMIT);
	while (sem_wait(&in_sync) == -1)
		;
	for (unsigned i = 0; i < MANY; i++)
		submit(&others[i], run, 9, POOL_COMMIT);
	for (bool all = false; !all;) {
		pthread_mutex_lock(&lock);
		all = ran == MANY + 1;
		pthread_mutex_unlock(&lock);
	}
	sem_post(&go_on);
	wait_for_all();
	assert_true(first.task.sync_failed);
	for (unsigned i = 0; i < MANY; i++) {
		assert_true(others[i].task.sync_failed);
		assert_int_equal(others[i].task.error, EIO);
	}
	/* who begins afterwards has lost nothing */
	submit(&later, run, 9, POOL_COMMIT);
	submit(&elsewhere, run, 8, POOL_COMMIT);
	wait_for_all();
	assert_false(later.task.sync_failed);
	assert_false(elsewhere.task.sync_failed);
}

static void test_directories_apart(void **state)
{
	struct item items[MANY];

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		submit(&items[i], run, (int)(i % 5) + 10, i % 2 == 0 ? POOL_COMMIT : POOL_WORK);
	wait_for_all();
	for (unsigned i = 0; i < MANY; i++)
		assert_true(items[i].done && !items[i].task.sync_failed);
	for (unsigned d = 10; d < 15; d++)
		assert_in_range(syncs[d], 1, MANY / 5);
}

/* One thread does them all, in their order; others are not held up. */
static void test_removals(void **state)
{
	struct item items[MANY], other;

	(void)state;
	most = ran = 0;
	for (unsigned i = 0; i < MANY; i++)
		submit(&items[i], run, POOL_NO_DIR, POOL_REMOVE);
	wait_for_all();
	assert_int_equal(most, 1);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(items[i].number, i);
	hold = true;
	submit(&items[0], run, 20, POOL_REMOVE);
	while (sem_wait(&in_sync) == -1)
		;
	submit(&items[1], run, POOL_NO_DIR, POOL_REMOVE);
	submit(&other, run, POOL_NO_DIR, POOL_COMMIT);
	while (!other.done)
		loop_poll();
	assert_false(items[1].done);
	sem_post(&go_on);
	wait_for_all();
	assert_true(items[1].done);
}

static void test_errors(void **state)
{
	struct item bad, good;

	(void)state;
	/* what has failed is not synced */
	submit(&bad, run_badly, 30, POOL_COMMIT);
	wait_for_all();
	assert_int_equal(bad.task.error, ENOSPC);
	assert_false(bad.task.sync_failed);
	assert_int_equal(syncs[30], 0);
	sync_error = EIO;
	submit(&bad, run, 30, POOL_COMMIT);
	wait_for_all();
	assert_int_equal(bad.task.error, EIO);
	assert_true(bad.task.sync_failed);
	assert_int_equal(syncs[30], 1);
	sync_error = 0;
	submit(&good, run, 30, POOL_COMMIT);
	wait_for_all();
	assert_int_equal(good.task.error, 0);
	assert_int_equal(syncs[30], 2);
}

static int failed_late;

static void on_failure(int error)
{
	failed_late = error;
}

static void test_late(void **state)
{
	(void)state;
	pool_on_failure(on_failure);
	pool_dirty(40);
	pool_dirty(40);
	while (syncs[40] == 0 || pool_busy() > 0)
		loop_poll();
	assert_int_equal(syncs[40], 1);
	assert_int_equal(failed_late, 0);
	sync_error = EIO;
	pool_dirty(41);
	while (failed_late == 0)
		loop_poll();
	assert_int_equal(failed_late, EIO);
	sync_error = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_failure_is_for_all),
		cmocka_unit_test(test_directories_apart),
		cmocka_unit_test(test_removals),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_late),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
