/* What is counted, in memory and on disk: days that end, periods that follow each other, another process. */
#include "../../../../services/policy/tallies.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/thurn-tallies-XXXXXX";
static struct store *store;
static unsigned nover;
static int64_t over_begin, over_end;
static uint64_t over_good;

static void on_over(const struct tally *t)
{
	uint64_t bad;

	nover++;
	over_begin = t->begin;
	over_end = t->end;
	tally_sums(t, &over_good, &bad);
}

static int set_up(void **state)
{
	char why[256];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	fd = open(folder, O_RDONLY | O_DIRECTORY);
	assert_int_equal(store_lock(folder, fd, why), 0);
	store = store_open(folder, fd, "reports.mdb", why);
	assert_non_null(store);
	tallies_open(store, on_over);
	return 0;
}

static int tear_down(void **state)
{
	char path[sizeof folder + 16];

	(void)state;
	snprintf(path, sizeof path, "%s/reports.mdb", folder);
	unlink(path);
	return rmdir(folder);
}

static void count(const char *domain)
{
	struct tls_result r = { .domain = str_of(domain),
		.type = TLS_POLICY_NONE,
		.base = STR_NONE,
		.host = STR("mx.example.org"),
		.reason = STR_NONE };

	tallies_count(&r, STR_NONE);
}

static uint64_t good(const char *domain)
{
	const struct tally *t = tallies_find(str_of(domain));
	uint64_t n = 0, bad;

	if (t != NULL)
		tally_sums(t, &n, &bad);
	return n;
}

static int64_t today(void)
{
	return (int64_t)time(NULL) / DAY_SECONDS * DAY_SECONDS;
}

static void test_counting(void **state)
{
	struct tally *t;

	(void)state;
	count("a.test");
	count("a.test");
	assert_int_equal(good("a.test"), 2);
	assert_int_equal(tallies_find(STR("a.test"))->begin, today());
	assert_null(tallies_load(STR("a.test"), today()));
	tallies_write();
	t = tallies_load(STR("a.test"), today());
	assert_non_null(t);
	assert_int_equal(t->end, 0);
	tally_free(t);
	assert_int_equal(nover, 0);
}

/* What follows a period of the same day begins where that has ended, or behind it. */
static void test_periods(void **state)
{
	int64_t first, second;

	(void)state;
	nover = 0;
	count("b.test");
	assert_true(tallies_close(STR("b.test")));
	assert_false(tallies_close(STR("b.test")));
	assert_int_equal(nover, 1);
	assert_int_equal(over_good, 1);
	first = over_begin;
	assert_int_equal(first, today());
	assert_true(over_end > first || over_end == (int64_t)time(NULL));
	count("b.test");
	second = tallies_find(STR("b.test"))->begin;
	assert_true(second > first && second >= over_end);
	assert_true(tallies_close(STR("b.test")));
	count("b.test");
	assert_true(tallies_find(STR("b.test"))->begin > second);
}

/* A tally of another day is over when the next session is counted. */
static void test_a_day_that_has_ended(void **state)
{
	struct tally *old = tally_new(STR("c.test"), today() - DAY_SECONDS);

	(void)state;
	assert_int_equal(tallies_keep(old), 0);
	tally_free(old);
	tallies_open(store, on_over); /* as the next process does */
	assert_int_equal(tallies_find(STR("c.test"))->begin, today() - DAY_SECONDS);
	nover = 0;
	count("c.test");
	assert_int_equal(nover, 1);
	assert_int_equal(over_end, today());
	assert_int_equal(good("c.test"), 1);
	assert_int_equal(tallies_find(STR("c.test"))->begin, today());
}

static void test_another_process(void **state)
{
	unsigned waiting = nover;
	struct tally *t;

	(void)state;
	nover = 0;
	count("d.test");
	tallies_write();
	/* what it has in memory already stays */
	tallies_open(store, on_over);
	assert_true(waiting == 1 && nover == 3); /* two of b.test, one of c.test */
	assert_int_equal(good("d.test"), 1);
	t = tallies_load(STR("c.test"), today() - DAY_SECONDS);
	assert_int_equal(t->end, today());
	tallies_drop(t);
	tally_free(t);
	assert_null(tallies_load(STR("c.test"), today() - DAY_SECONDS));
}

static void test_walking(void **state)
{
	unsigned n = 0;

	(void)state;
	for (struct tally *t = tallies_next(NULL); t != NULL; t = tallies_next(t))
		n++;
	assert_int_equal(n, 4);
}

/* One domain more than there is room for is not counted, and those that are go on. */
static void test_too_many(void **state)
{
	char name[32];

	(void)state;
	for (unsigned i = 0; i < TALLIES_MAX; i++) {
		snprintf(name, sizeof name, "n%u.test", i);
		count(name);
	}
	assert_null(tallies_find(str_of(name)));
	count("a.test");
	assert_int_equal(good("a.test"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counting),
		cmocka_unit_test(test_periods),
		cmocka_unit_test(test_a_day_that_has_ended),
		cmocka_unit_test(test_another_process),
		cmocka_unit_test(test_walking),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
