/* Syncs that begin together: nobody waits for ever, and nobody begins before it has joined. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/round.h"

enum { THREADS = 8, TIMES = 50 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct round r;

static void test_alone(void **state)
{
	(void)state;
	pthread_mutex_lock(&lock);
	round_expect(&r);
	round_join(&r, &lock);
	assert_int_equal(r.number, 1);
	assert_int_equal(r.syncing, 1);
	round_leave(&r);
	/* one that another waits for does not come after all */
	round_expect(&r);
	round_expect(&r);
	round_forgo(&r);
	round_join(&r, &lock);
	assert_int_equal(r.number, 2);
	round_leave(&r);
	pthread_mutex_unlock(&lock);
}

/* The other is in its syncs for longer than anybody waits. */
static void test_slow(void **state)
{
	(void)state;
	pthread_mutex_lock(&lock);
	round_expect(&r);
	round_join(&r, &lock);
	round_expect(&r);
	round_join(&r, &lock);
	assert_int_equal(r.number, 2);
	assert_int_equal(r.syncing, 2);
	round_leave(&r);
	round_leave(&r);
	pthread_mutex_unlock(&lock);
}

static void *run(void *arg)
{
	unsigned *wrong = arg;

	for (unsigned i = 0; i < TIMES; i++) {
		uint64_t mine;

		pthread_mutex_lock(&lock);
		round_expect(&r);
		mine = r.number + 1;
		round_join(&r, &lock);
		*wrong += r.number < mine || r.syncing == 0;
		round_leave(&r);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void test_many(void **state)
{
	pthread_t threads[THREADS];
	unsigned wrong[THREADS] = { 0 };

	(void)state;
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run, &wrong[i]), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(wrong[i], 0);
	}
	assert_in_range(r.number, 1, THREADS * TIMES);
	assert_int_equal(r.expected, 0);
	assert_int_equal(r.joined, 0);
	assert_int_equal(r.syncing, 0);
	assert_false(r.gathering);
}

static int setup(void **state)
{
	(void)state;
	round_init(&r);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	round_clear(&r);
	return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_alone), TEST(test_slow), TEST(test_many) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
