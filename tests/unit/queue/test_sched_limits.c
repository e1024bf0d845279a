/*
 * What limits a destination, and what does not fit into memory, under the simulated world: rates,
 * busy sites, sites that come back, messages on disk, suspensions, lanes.
 */
#include "world.h"

static struct rates rates_of(const char *text)
{
	struct rates r = { 0 };

	assert_int_equal(rates_parse(str_of(text), &r), 0);
	return r;
}

static struct sched_view look(unsigned dest)
{
	char name[32];
	struct sched_site site = site_of(dest, name);
	struct sched_view v;

	sched_look(sched, &site, now, &v);
	return v;
}

static void test_parse(void **state)
{
	static const char *const bad[] = { "", "100", "100 messages", "messages/1m",
		"0 messages/1m", "5 mails/1m", "5 messages/", "5 messages/0s", "5 messages/1y",
		"-5 messages/1m", "5 messages/8d", "9999999 messages/1m", "5 messages/1m x" };
	struct rates r = rates_of("600 messages/1m");

	(void)state;
	assert_int_equal(rates_parse(STR(" 5  connections / s"), &r), 0);
	assert_int_equal(r.of[RATE_MESSAGES].n, 600);
	assert_int_equal(r.of[RATE_MESSAGES].ms, 60000);
	assert_int_equal(r.of[RATE_CONNECTIONS].n, 5);
	assert_int_equal(r.of[RATE_CONNECTIONS].ms, 1000);
	assert_int_equal(r.of[RATE_RECIPIENTS].n, 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(rates_parse(str_of(bad[i]), &r), -1);
}

/* 1,000 messages at 600 a minute: ten at once, then one each 100 ms; one turn of the loop for each. */
static void test_rate(void **state)
{
	enum { N = 1000 };
	static struct mail m[N];
	struct rates r = rates_of("600 messages/1m");
	uint64_t began;

	(void)state;
	world(1000, 1000, 50, NULL);
	sched_set_policies(sched,
	    &(struct sched_policy){ .concurrency = 1000, .start = 1000, .batch = 50, .rates = r },
	    &STR_NONE, 1);
	began = now;
	for (int i = 0; i < N; i++)
		add(&m[i], 1, 1, LANE_USER);
	start_jobs(10);
	assert_int_equal(jobs, 10);
	assert_int_equal(look(1).limiter, LIMIT_RATE);
	run(1, UINT64_MAX);
	for (int i = 0; i < N; i++) {
		assert_int_equal(m[i].delivered, 1);
		/* never more than ten ahead, never late by more than a turn */
		assert_true((m[i].first_job - began) * 10 + 10000 >= (uint64_t)i * 1000);
	}
	assert_in_range(now - began, 98900, 99300);
	assert_true(turns_of_loop < 3 * N);
	world_end();
}

static void test_rate_recipients(void **state)
{
	struct rates r = rates_of("20 recipients/1s");
	struct mail m;
	uint64_t began;

	(void)state;
	world(100, 20, 50, &r);
	began = now;
	add(&m, 1, 200, LANE_BULK);
	start_jobs(10);
	assert_int_equal(jobs, 1);
	assert_int_equal(m.work.first, 20);
	assert_int_equal(look(1).limiter, LIMIT_RATE);
	assert_int_equal(look(1).rate, RATE_RECIPIENTS);
	assert_int_equal(look(1).wait, 50);
	run(10, UINT64_MAX);
	assert_int_equal(m.delivered, 200);
	assert_in_range(now - began, 8900, 9200);
	world_end();
}

/* A job whose connection was there already costs none. */
static void test_rate_connections(void **state)
{
	struct rates r = rates_of("2 connections/1s");
	char name[32];
	struct sched_site site = site_of(1, name);
	struct mail m[4];
	struct sched_job j;

	(void)state;
	world(100, 20, 50, &r);
	for (int i = 0; i < 4; i++)
		add(&m[i], 1, 1, LANE_USER);
	for (int i = 0; i < 2; i++)
		assert_true(sched_next(sched, now, &j));
	assert_false(sched_next(sched, now, &j));
	assert_int_equal(sched_wait(sched, now), 500);
	sched_done(
	    sched, &m[0].work, &(struct sched_end){ SCHED_OK, .reused = true }, now, dropped);
	assert_true(sched_next(sched, now, &j));
	assert_false(sched_next(sched, now, &j));
	sched_done(sched, &m[1].work, &(struct sched_end){ SCHED_OK }, now, dropped);
	assert_false(sched_next(sched, now, &j));
	sched_done(sched, &m[2].work, &(struct sched_end){ SCHED_OK }, now, dropped);
	assert_false(sched_next(sched, now + 499, &j));
	assert_true(sched_next(sched, now + 500, &j));
	now += 500;
	sched_done(sched, &m[3].work, &(struct sched_end){ SCHED_OK }, now, dropped);
	/* what was taken is remembered, although nothing is under way */
	sched_resume(sched, &site, now);
	add(&m[0], 1, 1, LANE_USER);
	assert_false(sched_next(sched, now, &j));
	sched_cancel(sched, &m[0].work, now);
	world_end();
}

/* The rate of the transport holds for all together. */
static void test_rate_transport(void **state)
{
	static struct mail m[100];
	uint64_t began;

	(void)state;
	world(100, 20, 50, NULL);
	sched_set_limits(sched, WORLD_TRANSPORT,
	    &(struct sched_limits){ .jobs = 100, .rates = rates_of("10 messages/1s") });
	began = now;
	for (unsigned i = 0; i < 100; i++)
		add(&m[i], i, 1, LANE_USER);
	start_jobs(10);
	assert_int_equal(jobs, 10);
	assert_int_equal(look(50).limiter, LIMIT_TRANSPORT_RATE);
	run(10, UINT64_MAX);
	assert_in_range(now - began, 8900, 9200);
	world_end();
}

/* A site that takes eight at a time: the window stays about there, nothing is given up. */
static void test_busy(void **state)
{
	enum { N = 2000 };
	static struct mail m[N];

	(void)state;
	world(100, 50, 50, NULL);
	keeps_suspended = true;
	places[1].busy_at = 8;
	for (int i = 0; i < N; i++)
		add(&m[i], 1, 1, LANE_USER);
	run(100, UINT64_MAX);
	for (int i = 0; i < N; i++)
		assert_int_equal(m[i].delivered, 1);
	assert_int_equal(dropped_count, 0);
	assert_in_range(places[1].peak, 9, 12);
	assert_true(jobs < N + N / 4);
	world_end();
}

/* One that says 421 to everything gets a pause that doubles, not a try each time. */
static void test_always_busy(void **state)
{
	static struct mail m[100];

	(void)state;
	world(100, 20, 50, NULL);
	keeps_suspended = true;
	places[1].busy_at = 0;
	for (int i = 0; i < 100; i++)
		add(&m[i], 1, 1, LANE_USER);
	start_jobs(100);
	for (int i = 0; i < 5; i++)
		sched_done(sched, &m[i].work, &(struct sched_end){ SCHED_BUSY }, now, dropped);
	for (int i = 5; i < 60; i++) {
		struct sched_job j;

		while (!sched_next(sched, now, &j)) {
			uint64_t wait = sched_wait(sched, now);

			assert_true(wait > 0 && wait < UINT64_MAX);
			now += wait;
		}
		sched_done(sched, j.work, &(struct sched_end){ SCHED_BUSY }, now, dropped);
	}
	/* 1 s, 2, 4, ... 60 s */
	assert_in_range(now, 45 * 60000 * 7 / 8, 55 * 60000 * 9 / 8);
	assert_int_equal(look(1).limiter, LIMIT_PAUSE);
	assert_in_range(look(1).wait, 1, 67500);
	nflights = 0;
	for (int i = 0; i < 100; i++)
		sched_cancel(sched, &m[i].work, now);
	world_end();
}

/*
 * 10,000 messages for a site that is dead for an hour: few tries, few in memory; when it is back it
 * gets one at first, then slowly more, and has all within the time that its window needs.
 */
static void test_comes_back(void **state)
{
	enum { N = 10000 };
	struct mail *m = xcalloc(N, sizeof *m);
	uint64_t back;

	(void)state;
	world(500, 20, 50, NULL);
	keeps_suspended = true;
	memory_max = 1000;
	places[1].dead = true;
	for (int i = 0; i < N; i++)
		add(&m[i], 1, 1, LANE_USER);
	run(100, now + 3600 * 1000);
	assert_in_range(places[1].jobs, 5, 20);
	assert_int_equal(places[1].delivered, 0);
	assert_true(most_in_memory <= memory_max);
	places[1].dead = false;
	places[1].peak = 0;
	while (places[1].delivered == 0)
		run(100, now + 100);
	back = now;
	assert_true(places[1].peak <= 2);
	run(100, now + 500);
	assert_true(places[1].peak <= 6);
	run(100, UINT64_MAX);
	assert_int_equal(places[1].delivered, N);
	assert_int_equal(places[1].peak, 20);
	assert_true(now - back < N / 20 * 150 * 5 / 4);
	assert_true(most_in_memory <= memory_max);
	assert_int_equal(sched_counts(sched, now).parked, 0);
	world_end();
	free(m);
}

/* 100,000 messages for a site with one a second: others do not notice, and memory stays free. */
static void test_slow_site(void **state)
{
	enum { N = 100000 };
	struct mail *m = xcalloc(N, sizeof *m), single[200];
	struct rates r = rates_of("1 messages/1s");
	struct sched_policy p[2] = { { 20, 5, 50, 60000, 4000000 }, { 20, 5, 50, 60000, 4000000 } };
	struct str names[2] = { STR_NONE, STR("slow") };
	struct sched_site slow = { .transport = WORLD_TRANSPORT, .policy = 1, .key = STR("slow") };

	(void)state;
	world(50, 20, 50, NULL);
	p[1].rates = r;
	sched_set_policies(sched, p, names, 2);
	memory_max = 4000;
	for (int i = 0; i < N; i++) {
		uint64_t until;

		m[i] = (struct mail){ .work = { .owner = &m[i], .left = 1 } };
		sched_set_room(sched, (uint32_t)(memory_max - in_memory));
		if (sched_add(sched, &m[i].work, &slow, now, &until) == SCHED_QUEUED)
			in_memory++;
		else
			sched_park(sched, &m[i].parked, &slow, LANE_USER, now);
	}
	assert_true(in_memory <= memory_max / 2);
	for (unsigned i = 0; i < 200; i++) {
		add(&single[i], 100 + i, 1, LANE_USER);
		start_jobs(10);
		assert_int_equal(single[i].first_job, now);
		run(10, now + 7);
	}
	run(10, now + 1000);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(single[i].delivered, 1);
	for (int i = 0; i < N; i++) {
		sched_cancel(sched, &m[i].work, now);
		sched_unpark(&m[i].parked, now);
	}
	world_end();
	free(m);
}

/* Mail that goes on coming does not get in front of what waits on disk. */
static void test_disk_is_not_starved(void **state)
{
	enum { OLD = 1000, NEW = 4000 };
	static struct mail old[OLD], new[NEW];
	uint64_t began;

	(void)state;
	world(500, 5, 50, NULL);
	memory_max = 50;
	for (int i = 0; i < OLD; i++)
		add(&old[i], 1, 1, LANE_BULK);
	began = now;
	/* twice as many as can be delivered */
	for (int i = 0; i < NEW; i++) {
		add(&new[i], 1, 1, LANE_BULK);
		run(100, now + 12);
	}
	for (int i = 0; i < OLD; i++)
		assert_int_equal(old[i].delivered, 1);
	for (int i = 1; i < OLD; i++)
		assert_true(old[i].done < began + OLD * 60);
	run(100, UINT64_MAX);
	world_end();
}

/* A full destination: a single mail does not stand behind the bulk that is on disk. */
static void test_lanes_on_disk(void **state)
{
	enum { N = 5000 };
	static struct mail bulk[N], user;

	(void)state;
	world(500, 5, 50, NULL);
	memory_max = 100;
	for (int i = 0; i < N; i++)
		add(&bulk[i], 1, 1, LANE_BULK);
	run(100, now + 5000);
	add(&user, 1, 1, LANE_USER);
	run(100, now + 500);
	assert_int_equal(user.delivered, 1);
	assert_true(user.first_job - user.added <= 150);
	run(100, UINT64_MAX);
	world_end();
}

/* Weights are shares of the turns while all lanes have something. */
static void test_weights(void **state)
{
	enum { N = 2000 };
	static struct mail m[LANES][N];
	static const unsigned weights[LANES] = { 5, 3, 1, 1 };
	uint32_t done[LANES] = { 0 };

	(void)state;
	world(10, 10, 10, NULL);
	sched_set_weights(sched, weights);
	for (unsigned i = 0; i < N; i++) {
		for (uint8_t l = 0; l < LANES; l++)
			add(&m[l][i], i % 50 + 50u * l, 1, l);
	}
	run(10, now + 7000);
	for (unsigned l = 0; l < LANES; l++) {
		for (unsigned i = 0; i < N; i++)
			done[l] += m[l][i].delivered;
	}
	for (unsigned l = 0; l < LANES; l++)
		assert_in_range(done[l] * 10,
		    (done[0] + done[1] + done[2] + done[3]) * weights[l] * 9 / 10,
		    (done[0] + done[1] + done[2] + done[3]) * weights[l] * 11 / 10);
	run(10, UINT64_MAX);
	world_end();
}

/* From outside: suspended, slowed down for a while, going on. */
static void test_suspend_and_slow(void **state)
{
	char name[32];
	struct sched_site site;
	static struct mail m[100];

	(void)state;
	world(500, 20, 50, NULL);
	keeps_suspended = true;
	site = site_of(1, name);
	for (int i = 0; i < 100; i++)
		add(&m[i], 1, 1, LANE_USER);
	sched_suspend(sched, &site, now + 60000, now, dropped);
	assert_int_equal(look(1).limiter, LIMIT_SUSPENSION);
	assert_int_equal(look(1).wait, 60000);
	assert_int_equal(look(1).parked[LANE_USER], 100);
	run(100, now + 59999);
	assert_int_equal(jobs, 0);
	sched_slow(sched, &site, 10, now + 10000, now);
	sched_resume(sched, &site, now);
	assert_int_equal(look(1).cap, 20);
	sched_slow(sched, &site, 10, now + 3000, now);
	run(100, now + 2900);
	assert_int_equal(places[1].peak, 2);
	assert_int_equal(look(1).cap, 2);
	assert_int_equal((int)look(1).slow, 10);
	run(100, UINT64_MAX);
	assert_true(places[1].peak > 4);
	assert_int_equal(places[1].delivered, 100);
	assert_int_equal((int)look(1).slow, 1);
	world_end();
}

/* A reload: a destination keeps what is known of it, its policy goes by its name. */
static void test_policies(void **state)
{
	struct sched_policy p[3] = { { 20, 5, 50, 60000, 4000000 }, { 3, 1, 50, 60000, 4000000 },
		{ 7, 2, 50, 60000, 4000000 } };
	struct str before[3] = { STR_NONE, STR("a"), STR("b") };
	struct str after[2] = { STR_NONE, STR("b") };
	struct str nameless[3] = { STR_NONE, STR_NONE, STR("b") };
	struct sched_site a = { WORLD_TRANSPORT, 1, STR("one") },
			  b = { WORLD_TRANSPORT, 2, STR("two") };
	struct mail m[2] = { 0 };
	struct sched_view v;
	uint64_t until;

	(void)state;
	world(500, 20, 50, NULL);
	sched_set_policies(sched, p, before, 3);
	for (int i = 0; i < 2; i++) {
		m[i].work = (struct sched_work){ .owner = &m[i], .left = 1 };
		sched_add(sched, &m[i].work, i == 0 ? &a : &b, now, &until);
	}
	assert_true(sched_look(sched, &b, now, &v));
	assert_int_equal(v.cap, 7);
	sched_set_policies(sched, (struct sched_policy[]){ p[0], p[2] }, after, 2);
	a.policy = b.policy = 0;
	assert_true(sched_look(sched, &a, now, &v));
	assert_int_equal(v.policy, 0);
	assert_int_equal(v.cap, 20);
	assert_true(sched_look(sched, &b, now, &v));
	assert_int_equal(v.policy, 1);
	assert_int_equal(v.cap, 7);
	/* what has no name keeps its number, and nothing gets it */
	sched_set_policies(sched, p, nameless, 3);
	assert_true(sched_look(sched, &b, now, &v));
	assert_int_equal(v.policy, 2);
	sched_set_policies(sched, p, (struct str[]){ STR_NONE, STR("b"), STR("c") }, 3);
	assert_true(sched_look(sched, &b, now, &v));
	assert_int_equal(v.policy, 1);
	sched_set_policies(sched, p, nameless, 2);
	assert_true(sched_look(sched, &b, now, &v));
	assert_int_equal(v.policy, 0);
	for (int i = 0; i < 2; i++)
		sched_cancel(sched, &m[i].work, now);
	world_end();
}

/* What is said about a destination, one after the other. */
static void test_look(void **state)
{
	static struct mail m[30];

	(void)state;
	world(8, 5, 50, NULL);
	assert_int_equal(look(1).limiter, LIMIT_NONE);
	for (int i = 0; i < 10; i++)
		add(&m[i], 1, 1, LANE_USER);
	sched_pause(sched, WORLD_TRANSPORT, true);
	assert_int_equal(look(1).limiter, LIMIT_WORKER);
	sched_pause(sched, WORLD_TRANSPORT, false);
	assert_int_equal(look(1).limiter, LIMIT_LANE);
	start_jobs(100);
	assert_int_equal(look(1).limiter, LIMIT_CAP);
	assert_int_equal(look(1).queued[LANE_USER], 5);
	for (int i = 10; i < 20; i++)
		add(&m[i], 2, 1, LANE_USER);
	start_jobs(100);
	assert_int_equal(look(2).limiter, LIMIT_JOBS);
	assert_int_equal(look(2).jobs_max, 8);
	run(100, UINT64_MAX);
	assert_int_equal(look(2).limiter, LIMIT_NONE);
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_rate_recipients),
		cmocka_unit_test(test_rate_connections),
		cmocka_unit_test(test_rate_transport),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_always_busy),
		cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_slow_site),
		cmocka_unit_test(test_disk_is_not_starved),
		cmocka_unit_test(test_lanes_on_disk),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_suspend_and_slow),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
