/* What is likely to be delivered soon: as quickly as others there lately, and only if nothing is in its way. */
#include "world.h"

enum { PACE = 50, WAIT = 200 };

static struct mail m[100];

static bool prompt(void)
{
	char name[32];
	struct sched_site site = site_of(0, name);

	return sched_prompt(sched, &site, PACE, WAIT, now);
}

static void hand_out(struct sched_job *j)
{
	assert_true(sched_next(sched, now, j));
}

static void end(const struct sched_work *w, enum sched_verdict verdict, uint32_t took)
{
	now += took;
	sched_done(sched, (struct sched_work *)(uintptr_t)w,
	    &(struct sched_end){ verdict, .took = took }, now, dropped);
}

/* One message there and back. */
static void one(enum sched_verdict verdict, uint32_t took)
{
	struct sched_job j;

	add(&m[0], 0, 1, LANE_USER);
	hand_out(&j);
	end(j.work, verdict, took);
}

static int start(void **state)
{
	(void)state;
	world(100, 4, 10, NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_end();
	return 0;
}

static void test_pace(void **state)
{
	(void)state;
	assert_false(prompt()); /* nothing is known */
	one(SCHED_OK, 5);
	assert_true(prompt());
	one(SCHED_OK, 1000);
	assert_false(prompt());
	for (int i = 0; i < 4; i++)
		one(SCHED_OK, 5);
	assert_false(prompt()); /* it has to prove itself */
	for (int i = 0; i < 8; i++)
		one(SCHED_OK, 5);
	assert_true(prompt());
}

/* What is put off for each recipient's sake says that it is slow, and not that it is quick. */
static void test_soft(void **state)
{
	(void)state;
	one(SCHED_SOFT, 5);
	assert_false(prompt());
	one(SCHED_OK, 5);
	for (int i = 0; i < 8; i++)
		one(SCHED_SOFT, 900);
	assert_false(prompt());
	for (int i = 0; i < 100; i++)
		one(SCHED_SOFT, 5);
	assert_false(prompt());
}

/* Whoever says no is not asked before a client is told yes. */
static void test_trouble(void **state)
{
	static const enum sched_verdict bad[] = { SCHED_BUSY, SCHED_SITE };

	(void)state;
	for (int i = 0; i < 2; i++) {
		one(SCHED_OK, 5);
		assert_true(prompt());
		one(bad[i], 5);
		assert_false(prompt());
		now += 3600 * 1000;
	}
	one(SCHED_OK, 5);
	assert_true(prompt());
}

/* One that hangs is known to be slow before it ends. */
static void test_late(void **state)
{
	struct sched_job j;

	(void)state;
	one(SCHED_OK, 5);
	add(&m[1], 0, 1, LANE_USER);
	sched_late(&m[1].work, 1000); /* it has not been sent */
	hand_out(&j);
	assert_true(prompt());
	sched_late(&m[1].work, 1000);
	assert_false(prompt());
	end(j.work, SCHED_OK, 1500);
	assert_false(prompt());
}

/* Four go at once, and each takes 20 ms. */
static void test_line(void **state)
{
	struct sched_job j[100];
	int n = 1;

	(void)state;
	one(SCHED_OK, 19);
	for (; n <= 4; n++) {
		add(&m[n], 0, 1, LANE_USER);
		hand_out(&j[n]);
	}
	for (; prompt(); n++)
		add(&m[n], 0, 1, LANE_BULK);
	assert_int_equal(n - 1 - 4, 4 * (WAIT / 20));
	end(j[1].work, SCHED_OK, 19);
	hand_out(&j[1]);
	assert_true(prompt());
	for (int i = 1; i <= 4; i++)
		end(j[i].work, SCHED_OK, 19);
	run(20, UINT64_MAX); /* in the end nobody is left */
	assert_true(prompt());
}

static void test_obstacles(void **state)
{
	char name[32];
	struct sched_site site = site_of(0, name);
	struct sched_policy p = {
		.concurrency = 4, .start = 4, .batch = 1, .min_backoff = 1000, .max_backoff = 1000
	};

	(void)state;
	one(SCHED_OK, 5);
	sched_pause(sched, WORLD_TRANSPORT, true);
	assert_false(prompt());
	sched_pause(sched, WORLD_TRANSPORT, false);
	assert_true(prompt());
	sched_suspend(sched, &site, now + 1000, now, dropped);
	assert_false(prompt());
	sched_resume(sched, &site, now);
	assert_true(prompt());
	m[1] = (struct mail){ .work = { .owner = &m[1], .left = 1 } };
	to_disk(&m[1]); /* has come before */
	assert_false(prompt());
	sched_unpark(&m[1].parked, now);
	assert_true(prompt());
	p.rates.of[RATE_MESSAGES] = (struct rate){ 1, 3600 * 1000 };
	sched_set_policies(sched, &p, &STR_NONE, 1);
	assert_true(prompt());
	one(SCHED_OK, 5);
	assert_false(prompt());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pace, start, stop),
		cmocka_unit_test_setup_teardown(test_soft, start, stop),
		cmocka_unit_test_setup_teardown(test_trouble, start, stop),
		cmocka_unit_test_setup_teardown(test_late, start, stop),
		cmocka_unit_test_setup_teardown(test_line, start, stop),
		cmocka_unit_test_setup_teardown(test_obstacles, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
