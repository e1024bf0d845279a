/* The breaker against floods of our own errors, with time as an argument. */
#include "../../../queue/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MINUTE = 60 * 1000 };

static const struct breaker_limits limits = { 100, 50, 10 * MINUTE, 15 * MINUTE };
static struct breaker b;
static bool opened;

static int set_up(void **state)
{
	(void)state;
	b = (struct breaker){ 0 };
	return 0;
}

/* n failures at that time; how many were made temporary. */
static unsigned fails(unsigned n, uint64_t now)
{
	unsigned held = 0;

	while (n-- > 0)
		held += breaker_failure(&b, &limits, true, now, &opened);
	return held;
}

static void good(unsigned n, uint64_t now)
{
	while (n-- > 0)
		breaker_note(&b, &limits, now);
}

static void test_flood(void **state)
{
	(void)state;
	assert_int_equal(fails(99, 1000), 0);
	assert_false(opened);
	assert_int_equal(fails(1, 2000), 1);
	assert_true(opened);
	assert_int_equal(fails(50, 3000), 50);
	assert_false(opened);
	assert_int_equal(b.held, 51);
	assert_true(breaker_open(&b, 2000 + 15 * MINUTE - 1));
	/* it closes by itself, and what comes now and then is what it says it is */
	assert_false(breaker_open(&b, 2000 + 15 * MINUTE));
	assert_int_equal(fails(99, 2000 + 16 * MINUTE), 0);
}

/* Many, but a small part of all: a list with dead addresses. */
static void test_share(void **state)
{
	(void)state;
	good(1000, 1000);
	assert_int_equal(fails(1000, 1000), 1); /* the thousandth makes it half */
	assert_true(opened);
	set_up(NULL);
	good(10000, 1000);
	assert_int_equal(fails(5000, 1000), 0);
}

/* A few at a time, for ever. */
static void test_slow(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(fails(9, i * MINUTE), 0);
	assert_int_equal(fails(9, 1000 * MINUTE), 0);
	assert_int_equal(fails(20, 1001 * MINUTE), 2);
}

/* A flood that lasts opens it again; what was held and fails again does not keep it open. */
static void test_again(void **state)
{
	uint64_t later = 1000 + 15 * MINUTE;

	(void)state;
	assert_int_equal(fails(200, 1000), 101);
	assert_int_equal(fails(200, later), 101);
	assert_true(breaker_open(&b, later + 1));
	later += 15 * MINUTE;
	for (unsigned i = 0; i < 300; i++)
		assert_false(breaker_failure(&b, &limits, false, later, &opened));
}

static void test_off(void **state)
{
	static const struct breaker_limits off = { 0, 50, 10 * MINUTE, 15 * MINUTE };

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		assert_false(breaker_failure(&b, &off, true, 1000, &opened));
	assert_int_equal(b.held, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_flood, set_up),
		cmocka_unit_test_setup(test_share, set_up),
		cmocka_unit_test_setup(test_slow, set_up),
		cmocka_unit_test_setup(test_again, set_up),
		cmocka_unit_test_setup(test_off, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
