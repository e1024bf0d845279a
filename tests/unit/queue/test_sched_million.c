/*
 * A million messages for 10,000 destinations, most of them on disk, under the simulated world: some
 * destinations are dead for hours, some busy, one has a fifth of all mail. With an argument, that
 * many millions.
 */
#include <malloc.h>

#include "../../../queue/message.h"
#include "world.h"

enum {
	DESTS = 10000,
	JOBS = 500,
	CAP = 20,
	MEMORY = 4000,
	HOUR = 3600 * 1000,
	BIG = 0, /* has a fifth of all */
	EQUALS = 100, /* destinations 1 to 100 have the same number each */
};

static unsigned millions = 1;

static bool is_dead(unsigned d)
{
	return d > EQUALS && d % 20 == 7;
}

static bool is_busy(unsigned d)
{
	return d > EQUALS && d % 20 == 11;
}

/* A few have much, most have little. */
static unsigned some_dest(unsigned i)
{
	unsigned r = (unsigned)random();

	if (i % 5 == 0)
		return BIG;
	if (i % 50 == 1)
		return 1 + i / 50 % EQUALS;
	return EQUALS + 1 + r % (1 + (unsigned)random() % (DESTS - EQUALS - 2));
}

static void new_mail(struct mail *single, unsigned n, uint64_t ms)
{
	uint64_t waited = 0, total = 0;

	for (unsigned i = 0; i < n; i++) {
		/* to the one with the most mail, to others with much, to some that have none */
		unsigned dest = i % 3 == 0 ? BIG : i % 3 == 1 ? 1 + i % EQUALS : DESTS + i;

		add(&single[i], dest, 1, LANE_USER);
		run(ms, now + 1000);
	}
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(single[i].delivered, 1);
		total += single[i].first_job - single[i].added;
		if (single[i].first_job - single[i].added > waited)
			waited = single[i].first_job - single[i].added;
	}
	/* each waits for a slot and for its turn among the lanes, for no queue */
	assert_true(waited <= 2 * ms + 100);
	assert_true(total / n <= ms);
}

static void check_equals(void)
{
	uint32_t least = UINT32_MAX, most = 0;

	for (unsigned d = 1; d <= EQUALS; d++) {
		least = places[d].delivered < least ? places[d].delivered : least;
		most = places[d].delivered > most ? places[d].delivered : most;
	}
	assert_true(least > 0);
	assert_true(most - least <= most / 4 + 2 * CAP);
}

static void test_million(void **state)
{
	const size_t n = (size_t)millions * 1000 * 1000;
	struct mail *m = xcalloc(n, sizeof *m);
	static struct mail single[300];
	size_t before = mallinfo2().uordblks;
	uint64_t all = 0;

	(void)state;
	world(JOBS, CAP, 50, NULL);
	keeps_suspended = true;
	memory_max = MEMORY;
	for (unsigned d = 0; d < DESTS; d++) {
		places[d].dead = is_dead(d);
		places[d].busy_at = is_busy(d) ? 3 : 0;
	}
	for (size_t i = 0; i < n; i++)
		add(&m[i], some_dest((unsigned)i), 1, LANE_BULK);

	/* what the scheduler needs, besides what stands in an entry of each message */
	assert_true(mallinfo2().uordblks - before < (size_t)DESTS * 600 + 1000 * 1000);
	assert_true(sizeof(struct entry) <= 160);
	assert_true(most_in_memory <= MEMORY + JOBS);

	/* from the first second, single mails are not delayed, and equals are treated alike */
	new_mail(single, 300, 100);
	check_equals();

	/* dead ones: a first window, then one try per suspension, each longer than the last */
	run(100, now + 3 * HOUR);
	for (unsigned d = 0; d < DESTS; d++) {
		if (is_dead(d))
			assert_in_range(places[d].jobs, places[d].jobs == 0 ? 0 : 1, 5 + 5 + 12);
		places[d].dead = false;
	}

	/* they come back; everything arrives, within the caps */
	run(100, UINT64_MAX);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(m[i].delivered, 1);
	for (unsigned d = 0; d < DESTS; d++) {
		all += places[d].delivered;
		assert_true(places[d].peak <= (places[d].busy_at != 0 ? 8 : CAP));
	}
	assert_int_equal(all + 100, n + 300); /* 100 single ones went elsewhere */
	assert_int_equal(sched_counts(sched, now).parked, 0);
	assert_int_equal(sched_counts(sched, now).queued, 0);
	world_end();
	free(m);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_million) };

	if (argc > 1)
		millions = (unsigned)strtoul(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
