/* What is promised of the spool's room, and to whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "../../../queue/settings.h"
#include "../../../queue/space.h"
#include "../../../queue/spool.h"

enum { FREE = 1000, FLOOR = 200, ROOM = FREE - FLOOR };

/* the configuration and the disk, as they would be */
struct settings settings = { .minimal_free = FLOOR, .minimal_inodes = 10 };

int spool_space(uint64_t *bytes, uint64_t *inodes)
{
	*bytes = FREE;
	*inodes = 100;
	return 0;
}

static void code(int r, const struct status *st, unsigned expected)
{
	assert_int_equal(r, expected == 0 ? 0 : -1);
	if (r == -1)
		assert_int_equal(st->code, expected);
}

static void fits(uint64_t bytes, unsigned expected)
{
	struct status st = { 0 };

	code(space_check(bytes, &st), &st, expected);
}

static void fits_open(uint64_t bytes, unsigned expected)
{
	struct status st = { 0 };

	code(space_check_open(bytes, &st), &st, expected);
}

static void test_floor(void **state)
{
	(void)state;
	assert_int_equal(space_room(), ROOM);
	fits(ROOM - 1, 0);
	fits(ROOM, 452);
	space_reserve(100);
	assert_int_equal(space_room(), ROOM - 100);
	fits(ROOM - 100, 452);
	space_release(100);
	fits(ROOM - 100, 0);
}

static void test_half_for_the_slow(void **state)
{
	(void)state;
	fits_open(ROOM / 2 - 1, 0);
	fits_open(ROOM / 2, 452);
	space_reserve(ROOM / 2 - 1);
	fits_open(1, 452);
	fits(ROOM / 2, 0);
	space_release(ROOM / 2 - 1);
	fits_open(1, 0);
}

static void test_failed(void **state)
{
	(void)state;
	space_failed("test", EIO);
	fits(1, 451);
	fits_open(1, 451);
	assert_int_equal(space_room(), 0);
	space_recovered();
	fits(1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_floor),
		cmocka_unit_test(test_half_for_the_slow),
		cmocka_unit_test(test_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
