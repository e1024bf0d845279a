/* Sources: turns between those of a pool, their caps and rates, what waits behind them, and who does not. */
#include "world.h"

enum { SOURCES = 3 };
static const struct str all_names[SOURCES] = { STR("out1"), STR("out2"), STR("out3") };

static struct {
	uint32_t jobs;
} used[SOURCES];

static int number_of(const struct sched_source *x)
{
	for (int i = 0; x != NULL && i < SOURCES; i++)
		if (str_eq(sched_source_name(x), all_names[i]))
			return i;
	return -1;
}

static void note(const struct sched_job *j)
{
	int i = number_of(j->source);

	if (i != -1)
		used[i].jobs++;
}

/* Pool "pool" of the first n sources, each with that cap and those rates; "one" of the first alone. */
static void sources(unsigned n, uint32_t cap, const struct rates *r)
{
	struct sched_source_limits l[SOURCES];
	struct str names[SOURCES];
	const struct sched_pool pools[] = { { STR("pool"), names, n }, { STR("one"), names, 1 } };

	for (unsigned i = 0; i < n; i++) {
		names[i] = all_names[i];
		l[i] = (struct sched_source_limits){ .name = all_names[i], .jobs = cap };
		if (r != NULL)
			l[i].rates = *r;
	}
	sched_set_sources(sched, l, n, pools, 2);
}

static void start(uint32_t max_jobs, uint32_t per_dest)
{
	world(max_jobs, per_dest, 10, NULL);
	memset(used, 0, sizeof used);
	on_start = note;
}

static void use_pool(unsigned from, unsigned to, struct str pool)
{
	for (unsigned i = from; i < to; i++)
		places[i].pool = pool;
}

/* Everyone has as many turns; and mail without a pool has no source. */
static void test_turns(void **state)
{
	static struct mail m[600];

	(void)state;
	start(100, 10);
	sources(3, UINT32_MAX, NULL);
	use_pool(0, 50, STR("pool"));
	for (unsigned i = 0; i < 600; i++)
		add(&m[i], i % 100, 1, LANE_USER);
	run(100, UINT64_MAX);
	for (unsigned i = 0; i < SOURCES; i++)
		assert_int_equal(used[i].jobs, 100);
	for (unsigned i = 0; i < 600; i++)
		assert_int_equal(m[i].delivered, 1);
	world_end();
}

/* A cap holds over all destinations, and who does not need that source does not wait for it. */
static void test_cap(void **state)
{
	static struct mail slow[500], other[100];
	struct sched_source_view v;
	struct sched_view d;
	char name[32];
	struct sched_site site;

	(void)state;
	start(200, 10);
	sources(2, 2, NULL);
	use_pool(0, 100, STR("pool"));
	for (unsigned i = 0; i < 500; i++)
		add(&slow[i], i % 100, 1, LANE_USER);
	for (unsigned i = 0; i < 100; i++)
		add(&other[i], 200 + i, 1, LANE_USER);
	start_jobs(1000);
	assert_true(sched_look_source(sched, STR("OUT1"), now, &v));
	assert_int_equal(v.flying, 2);
	assert_int_equal(v.jobs, 2);
	assert_int_equal(jobs, 100 + 4);
	site = site_of(50, name);
	assert_true(sched_look(sched, &site, now, &d));
	assert_int_equal(d.limiter, LIMIT_SOURCES);
	run(1000, UINT64_MAX);
	for (unsigned i = 0; i < 100; i++)
		assert_true(other[i].done - other[i].added <= 1100);
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(slow[i].delivered, 1);
	assert_int_equal(used[0].jobs + used[1].jobs, 500);
	world_end();
}

/* 60 a minute: one at once, then one each second, whoever wants them. */
static void test_rate(void **state)
{
	static struct mail m[100];
	struct rates r = { 0 };

	(void)state;
	start(100, 10);
	assert_int_equal(rates_parse(STR("60 messages/1m"), &r), 0);
	sources(1, UINT32_MAX, &r);
	use_pool(0, 100, STR("pool"));
	for (unsigned i = 0; i < 100; i++)
		add(&m[i], i, 1, LANE_USER);
	run(10, now + 30000);
	assert_in_range(used[0].jobs, 30, 31);
	run(10, UINT64_MAX);
	assert_int_equal(used[0].jobs, 100);
	world_end();
}

/* A flood behind a slow source leaves memory to others, goes on, and all of it gets there. */
static void test_flood(void **state)
{
	enum { FLOOD = 20000, SINGLE = 500 };
	static struct mail flood[FLOOD], single[SINGLE];
	struct rates r = { 0 };

	(void)state;
	start(100, 10);
	memory_max = 2000;
	assert_int_equal(rates_parse(STR("100 messages/1s"), &r), 0);
	sources(1, UINT32_MAX, &r);
	use_pool(0, 5000, STR("pool"));
	for (unsigned i = 0; i < FLOOD; i++)
		add(&flood[i], i % 5000, 1, LANE_USER);
	assert_true(in_memory <= memory_max / 4 + 1);
	run(10, now + 1000);
	for (unsigned i = 0; i < SINGLE; i++)
		add(&single[i], 6000 + i, 1, LANE_USER);
	run(10, now + 1000);
	for (unsigned i = 0; i < SINGLE; i++)
		assert_int_equal(single[i].delivered, 1);
	run(10, UINT64_MAX);
	for (unsigned i = 0; i < FLOOD; i++)
		assert_int_equal(flood[i].delivered, 1);
	assert_int_equal(sched_counts(sched, now).parked, 0);
	world_end();
}

static void test_suspension(void **state)
{
	static struct mail m[300];

	(void)state;
	start(100, 10);
	sources(2, UINT32_MAX, NULL);
	use_pool(0, 100, STR("pool"));
	sched_suspend_source(sched, STR("out1"), now + 60000);
	for (unsigned i = 0; i < 100; i++)
		add(&m[i], i, 1, LANE_USER);
	run(10, now + 1000);
	assert_int_equal(used[0].jobs, 0);
	assert_int_equal(used[1].jobs, 100);
	/* both: nothing, until one of them ends by itself */
	sched_suspend_source(sched, STR("out2"), now + 600000);
	for (unsigned i = 100; i < 200; i++)
		add(&m[i], i - 100, 1, LANE_USER);
	run(10, now + 10000);
	assert_int_equal(jobs, 100);
	run(10, now + 50000);
	assert_int_equal(used[0].jobs, 100);
	/* or is ended */
	sched_suspend_source(sched, STR("out1"), now + 600000);
	for (unsigned i = 200; i < 300; i++)
		add(&m[i], i - 200, 1, LANE_USER);
	run(10, now + 1000);
	sched_suspend_source(sched, STR("out2"), 0);
	run(10, now + 1000);
	assert_int_equal(used[1].jobs, 200);
	world_end();
}

/* Lanes keep their shares when each goes out from a pool of its own. */
static void test_weights(void **state)
{
	enum { N = 2000 };
	static struct mail user[N], bulk[N];
	static const unsigned weights[LANES] = { 4, 1, 1, 1 };
	uint32_t done[2] = { 0 };

	(void)state;
	start(10, 10);
	sources(2, UINT32_MAX, NULL);
	sched_set_weights(sched, weights);
	use_pool(0, 50, STR("pool"));
	use_pool(50, 100, STR("one"));
	for (unsigned i = 0; i < N; i++) {
		add(&user[i], i % 50, 1, LANE_USER);
		add(&bulk[i], 50 + i % 50, 1, LANE_BULK);
	}
	run(10, now + 7000);
	for (unsigned i = 0; i < N; i++) {
		done[0] += user[i].delivered;
		done[1] += bulk[i].delivered;
	}
	assert_in_range(done[0], done[1] * 35 / 10, done[1] * 45 / 10);
	run(10, UINT64_MAX);
	world_end();
}

/* A reload: what is under way counts, what stands behind a pool that is gone waits until it is there again. */
static void test_reload(void **state)
{
	static struct mail m[20];
	struct sched_source_view v;

	(void)state;
	start(100, 10);
	sources(2, 5, NULL);
	use_pool(0, 1, STR("pool"));
	for (unsigned i = 0; i < 10; i++)
		add(&m[i], 0, 1, LANE_USER);
	start_jobs(1000);
	sources(2, 1, NULL);
	assert_true(sched_look_source(sched, STR("out1"), now, &v));
	assert_true(v.flying > 1 && v.jobs == 1);
	sched_set_sources(sched, NULL, 0, NULL, 0);
	for (unsigned i = 10; i < 20; i++)
		add(&m[i], 0, 1, LANE_USER);
	run(1000, now + 60000);
	assert_true(sched_look_source(sched, STR("out1"), now, &v));
	assert_int_equal(v.flying, 0);
	assert_true(jobs < 20);
	sources(1, 5, NULL);
	run(1000, UINT64_MAX);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(m[i].delivered, 1);
	assert_false(sched_look_source(sched, STR("none"), now, &v));
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_suspension),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
