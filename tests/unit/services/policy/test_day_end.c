/* The end of a day: what was counted is over for every domain, and on disk, by few syncs. */
#include "../../../../services/policy/tallies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/loop.h"
#include "store_dir.h"

enum { DOMAINS = 300 };

static struct store *store;
static unsigned syncs, over;

/* Instead of libc's: the database syncs by it. */
int fdatasync(int fd)
{
	syncs++;
	return fsync(fd);
}

static int setup(void **state)
{
	(void)state;
	loop_init();
	store = store_dir_open("reports.mdb");
	return store == NULL ? -1 : 0;
}

static struct str name_of(unsigned i, char out[32])
{
	snprintf(out, 32, "d%u.test", i);
	return str_of(out);
}

static void on_over(const struct tally *t)
{
	struct tally *kept = tallies_load(str_of(t->domain), t->begin);

	/* whoever is told can rely on it */
	assert_non_null(kept);
	assert_int_equal(kept->end, t->begin + DAY_SECONDS);
	tally_free(kept);
	over++;
}

static void test_day_ends(void **state)
{
	int64_t yesterday = ((int64_t)time(NULL) / DAY_SECONDS - 1) * DAY_SECONDS;
	char name[32];

	(void)state;
	tallies_open(store, on_over);
	store_begin(store);
	for (unsigned i = 0; i < DOMAINS; i++) {
		struct tally *t = tally_new(name_of(i, name), yesterday);

		tallies_keep(t);
		tally_free(t);
	}
	assert_int_equal(store_end(store), 0);
	tallies_open(store, on_over); /* as at the next start, a day later */
	assert_int_equal(over, 0);
	assert_true(syncs > 0); /* they are seen */
	syncs = 0;
	tallies_start();
	assert_int_equal(over, DOMAINS);
	assert_null(tallies_next(NULL));
	assert_in_range(syncs, 1, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_day_ends) };

	return cmocka_run_group_tests(tests, setup, store_dir_remove);
}
