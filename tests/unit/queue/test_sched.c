/*
 * The scheduler and the timer wheel under a simulated world: virtual time, many destinations, some
 * of them slow or dead, single mails among a flood.
 */
#include "world.h"

#include "../../../queue/wheel.h"

/* --- tests ------------------------------------------------------------------------------------ */

/* 120,000 messages to 15,000 destinations: all are delivered, and no limit is ever passed. */
static void test_all_delivered(void **state)
{
	enum { N = 120000, DESTS = 15000 };
	struct mail *mails = xcalloc(N, sizeof *mails);
	struct sched_counts c;

	(void)state;
	world(200, 20, 50, NULL);
	for (unsigned i = 0; i < N; i++)
		assert_true(add(
		    &mails[i], (unsigned)random() % DESTS, 1 + (uint32_t)random() % 3, LANE_USER));
	run(100, UINT64_MAX);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(mails[i].delivered, mails[i].recipients);
	for (unsigned i = 0; i < DESTS; i++)
		assert_true(places[i].peak <= 20);
	c = sched_counts(sched, now);
	assert_int_equal(c.queued, 0);
	assert_int_equal(c.flying, 0);
	assert_true(c.destinations <= 5000); /* knowledge of idle ones is bounded */
	world_end();
	free(mails);
}

/* One message to 100,000 recipients at one destination: single mails there wait for few turns. */
static void test_big_message_same_dest(void **state)
{
	struct mail big, single[100];

	(void)state;
	world(100, 20, 50, NULL);
	add(&big, 1, 100000, LANE_BULK);
	run(100, now + 2000);
	for (int i = 0; i < 100; i++) {
		add(&single[i], 1, 1, LANE_USER);
		run(100, now + 500);
		/* a slot gets free within one delivery, and the single mail is next */
		assert_int_equal(single[i].delivered, 1);
		assert_true(single[i].first_job - single[i].added <= 200);
	}
	run(100, UINT64_MAX);
	assert_int_equal(big.delivered, 100000);
	world_end();
}

/* The same, spread over 20,000 destinations, so that the slots of the transport are what is short.
 */
static void test_big_message_many_dests(void **state)
{
	enum { DESTS = 19000 };
	static struct mail parts[DESTS];
	struct mail single;
	uint64_t waited = 0;

	(void)state;
	world(50, 20, 50, NULL);
	for (unsigned i = 0; i < DESTS; i++)
		add(&parts[i], i, 5, LANE_BULK);
	run(100, now + 1000);
	for (unsigned i = 0; i < 100; i++) {
		add(&single, DESTS + i, 1, LANE_USER);
		run(100, now + 400);
		assert_int_equal(single.delivered, 1);
		if (single.first_job - single.added > waited)
			waited = single.first_job - single.added;
	}
	assert_true(waited <= 200);
	run(100, UINT64_MAX);
	for (unsigned i = 0; i < DESTS; i++)
		assert_int_equal(parts[i].delivered, 5);
	world_end();
}

/* Many big messages share a destination evenly. */
static void test_fair_between_messages(void **state)
{
	struct mail m[10];

	(void)state;
	world(100, 20, 10, NULL);
	for (int i = 0; i < 10; i++)
		add(&m[i], 1, 10000, LANE_BULK);
	run(100, now + 20000);
	for (int i = 1; i < 10; i++) {
		int64_t difference = (int64_t)m[i].delivered - (int64_t)m[0].delivered;

		assert_true(labs((long)difference) <= 30);
	}
	run(100, UINT64_MAX);
	world_end();
}

/* No lane starves: with user mail always waiting, bulk and reports still get their share. */
static void test_no_starvation(void **state)
{
	enum { N = 4000 };
	static struct mail user[N], bulk[N], report[N];
	uint64_t last_user = 0, first_bulk = UINT64_MAX;
	unsigned bulk_meanwhile = 0;

	(void)state;
	world(10, 10, 10, NULL);
	for (unsigned i = 0; i < N; i++) {
		add(&user[i], i % 100, 1, LANE_USER);
		add(&bulk[i], 100 + i % 100, 1, LANE_BULK);
		add(&report[i], 200 + i % 100, 1, LANE_REPORT);
	}
	run(10, UINT64_MAX);
	for (unsigned i = 0; i < N; i++) {
		if (user[i].done > last_user)
			last_user = user[i].done;
		if (bulk[i].done < first_bulk)
			first_bulk = bulk[i].done;
	}
	for (unsigned i = 0; i < N; i++)
		bulk_meanwhile += bulk[i].done < last_user;
	assert_true(first_bulk < 2000);
	assert_in_range(bulk_meanwhile, N / 8, N / 2);
	world_end();
}

/* A dead site costs a few attempts, then only a probe per suspension, each longer than the last. */
static void test_dead_destination(void **state)
{
	struct mail m[50], alive;
	uint32_t before;
	struct sched_site site;
	struct sched_view v;
	unsigned probes = 0;
	char name[32];

	(void)state;
	world(100, 20, 10, NULL);
	site = site_of(3, name);
	places[3].dead = true;
	for (int i = 0; i < 50; i++)
		add(&m[i], 3, 1, LANE_USER);
	add(&alive, 4, 1, LANE_USER);
	run(100, UINT64_MAX);
	assert_int_equal(alive.delivered, 1);
	assert_in_range(places[3].jobs, 5, 15);
	assert_true(dropped_count >= 35);
	for (int i = 0; i < 50; i++)
		assert_int_equal(m[i].dropped, 1);
	assert_int_equal(sched_counts(sched, now).suspended, 1);

	/* mail for it comes every ten seconds for a day */
	before = places[3].jobs;
	for (int i = 0; i < 8640; i++) {
		add(&m[0], 3, 1, LANE_USER);
		run(100, now + 10000);
	}
	probes = places[3].jobs - before;
	assert_in_range(probes, 20, 40); /* 60 s doubling up to 4,000 s */
	assert_true(sched_look(sched, &site, now, &v));
	assert_int_equal(v.limiter, LIMIT_SUSPENSION);
	assert_true(str_eq(v.said, STR("dead")));
	assert_in_range(v.said_ms, 1, 5000000);

	/* it comes back: one probe succeeds, the window opens again */
	places[3].dead = false;
	now += 5000000;
	for (int i = 0; i < 50; i++)
		add(&m[i], 3, 1, LANE_USER);
	places[3].peak = 0;
	run(100, UINT64_MAX);
	for (int i = 0; i < 50; i++)
		assert_int_equal(m[i].delivered, 1);
	assert_true(places[3].peak > 3);
	sched_look(sched, &site, now, &v);
	assert_int_equal(v.said.n, 0);
	world_end();
}

/* The window opens by less than one for each success, never beyond the cap. */
static void test_window_grows(void **state)
{
	struct mail m;

	(void)state;
	world(1000, 20, 1, NULL);
	add(&m, 1, 1000, LANE_BULK);
	start_jobs(100);
	assert_int_equal(places[1].peak, 5);
	run(100, now + 160);
	assert_in_range(places[1].peak, 5, 7);
	run(100, UINT64_MAX);
	assert_int_equal(places[1].peak, 20);
	world_end();
}

static void test_cancel(void **state)
{
	struct mail a, b;

	(void)state;
	world(1, 1, 10, NULL);
	add(&a, 1, 100, LANE_USER);
	add(&b, 1, 10, LANE_USER);
	start_jobs(100);
	sched_cancel(sched, &a.work, now);
	run(100, UINT64_MAX);
	assert_int_equal(a.delivered, 10); /* what was under way */
	assert_int_equal(b.delivered, 10);
	assert_null(a.work.dest);
	sched_cancel(sched, &b.work, now);
	world_end();
}

static void test_flush(void **state)
{
	struct mail m[20];

	(void)state;
	world(100, 20, 10, NULL);
	places[1].dead = true;
	for (int i = 0; i < 20; i++)
		add(&m[i], 1, 1, LANE_USER);
	run(100, UINT64_MAX);
	assert_false(add(&m[0], 1, 1, LANE_USER));
	sched_revive(sched, now);
	assert_true(add(&m[0], 1, 1, LANE_USER));
	run(100, UINT64_MAX);
	world_end();
}

static void test_backoff(void **state)
{
	uint64_t low = UINT64_MAX, high = 0;

	(void)state;
	world(1, 1, 1, NULL);
	for (int i = 0; i < 1000; i++) {
		uint64_t ms = sched_backoff(sched, 1000, 300000, 4000000);

		low = ms < low ? ms : low;
		high = ms > high ? ms : high;
	}
	assert_in_range(low, 262500, 275000);
	assert_in_range(high, 325000, 337500);
	assert_in_range(sched_backoff(sched, UINT64_C(1) << 40, 300000, 4000000), 3500000, 4500000);
	world_end();
}

/* --- the wheel -------------------------------------------------------------------------------- */

static uint32_t fired;
static struct wheel wheel;

struct timed {
	struct wheel_node node;
	uint32_t want, times;
};

static void fire(struct wheel_node *n, void *arg)
{
	struct timed *t = (struct timed *)n;

	(void)arg;
	fired++;
	t->times++;
	assert_int_equal(wheel.now, t->want);
}

static void test_wheel(void **state)
{
	enum { N = 200000 };
	struct timed *t = xcalloc(N, sizeof *t);

	(void)state;
	srandom(3);
	fired = 0;
	wheel_init(&wheel, 1000000);
	for (int i = 0; i < N; i++) {
		t[i].want = 1000001 + (uint32_t)random() % 500000;
		wheel_set(&wheel, &t[i].node, t[i].want);
	}
	/* some move, some are taken out */
	for (int i = 0; i < N; i += 10) {
		t[i].want = 1000001 + (uint32_t)random() % 500000;
		wheel_set(&wheel, &t[i].node, t[i].want);
		wheel_clear(&wheel, &t[i + 1].node);
	}
	assert_int_equal(wheel.count, N - N / 10);
	wheel_advance(&wheel, 1000000 + 250000, fire, NULL);
	wheel_advance(&wheel, 1000000 + 600000, fire, NULL);
	assert_int_equal(fired, N - N / 10);
	assert_int_equal(wheel.count, 0);
	for (int i = 0; i < N; i++)
		assert_int_equal(t[i].times, i % 10 == 1 ? 0 : 1);
	/* one in the past comes with the next second */
	t[0].want = 1600001;
	wheel_set(&wheel, &t[0].node, 5);
	wheel_advance(&wheel, 1600001, fire, NULL);
	assert_int_equal(t[0].times, 2);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_delivered),
		cmocka_unit_test(test_big_message_same_dest),
		cmocka_unit_test(test_big_message_many_dests),
		cmocka_unit_test(test_fair_between_messages),
		cmocka_unit_test(test_no_starvation),
		cmocka_unit_test(test_dead_destination),
		cmocka_unit_test(test_window_grows),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_wheel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
