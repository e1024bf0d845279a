/* What each login may send, with time as an argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../queue/logins.h"

#define ALICE STR("alice@example.org")
#define BOB   STR("bob@example.org")

enum { T0 = 1795446245, HOUR = 3600, DAY = 86400 };

static const struct login_limits limits = { .most = { 100, 250 }, .notice = 80 };
static struct status st;
static int notice;

static int charge(struct str name, uint32_t n, int64_t now)
{
	st = (struct status){ 0 };
	return logins_charge(name, n, &limits, now, &notice, &st);
}

static int tear_down(void **state)
{
	(void)state;
	logins_clear();
	return 0;
}

static void test_hour(void **state)
{
	(void)state;
	assert_int_equal(charge(ALICE, 79, T0), 0);
	assert_int_equal(notice, -1);
	assert_int_equal(charge(ALICE, 1, T0 + 1), 0);
	assert_int_equal(notice, LOGIN_HOUR);
	assert_int_equal(charge(ALICE, 20, T0 + 2), 0);
	assert_int_equal(notice, -1); /* once a period */
	assert_int_equal(charge(ALICE, 1, T0 + 3), -1);
	assert_int_equal(st.code, 450);
	assert_string_equal(st.enhanced, "4.7.1");
	assert_non_null(strstr(st.text, "goes on at 2026-11-23 16:04:05 UTC"));
	/* others are not concerned, and what goes to nobody outside is not counted */
	assert_int_equal(charge(BOB, 100, T0 + 3), 0);
	assert_int_equal(charge(ALICE, 0, T0 + 3), 0);
	assert_int_equal(logins_find(ALICE)->counts[LOGIN_HOUR].n, 100);
	/* a refused message counts for nothing */
	assert_int_equal(charge(ALICE, 100, T0 + HOUR), 0);
}

static void test_day(void **state)
{
	(void)state;
	assert_int_equal(charge(ALICE, 100, T0), 0);
	assert_int_equal(charge(ALICE, 100, T0 + HOUR), 0);
	assert_int_equal(notice, LOGIN_DAY);
	assert_int_equal(charge(ALICE, 60, T0 + 2 * HOUR), -1);
	assert_non_null(strstr(st.text, "within a day"));
	assert_int_equal(charge(ALICE, 50, T0 + 2 * HOUR), 0);
	assert_int_equal(charge(ALICE, 1, T0 + 5 * HOUR), -1);
	assert_int_equal(charge(ALICE, 100, T0 + DAY), 0);
}

static void test_too_large(void **state)
{
	(void)state;
	assert_int_equal(charge(ALICE, 101, T0), -1);
	assert_int_equal(st.code, 550); /* waiting will not help */
	assert_int_equal(charge(ALICE, UINT32_MAX, T0), -1);
	assert_int_equal(charge(ALICE, 100, T0), 0);
}

static void test_no_limits(void **state)
{
	static const struct login_limits none;

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(logins_charge(ALICE, 1000, &none, T0, &notice, &st), 0);
	assert_int_equal(logins_find(ALICE)->counts[LOGIN_DAY].n, 10000);
}

static void test_refund(void **state)
{
	(void)state;
	assert_int_equal(charge(ALICE, 100, T0), 0);
	logins_refund(ALICE, 40, T0 + 1);
	assert_int_equal(charge(ALICE, 40, T0 + 2), 0);
	logins_refund(ALICE, 1000, T0 + 2);
	assert_int_equal(logins_find(ALICE)->counts[LOGIN_HOUR].n, 0);
	logins_refund(BOB, 1, T0);
}

/* A clock that is set back by years makes no period of years. */
static void test_clock(void **state)
{
	(void)state;
	assert_int_equal(charge(ALICE, 100, T0), 0);
	assert_int_equal(charge(ALICE, 100, T0 - 10 * DAY), 0);
	assert_int_equal(charge(ALICE, 100, T0 - 10 * DAY + HOUR), 0);
}

static void test_on_disk(void **state)
{
	struct buf b, again;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_init(&again, 1 << 20);
	assert_int_equal(charge(ALICE, 90, T0), 0);
	assert_int_equal(charge(BOB, 10, T0 - 2 * DAY), 0); /* over */
	assert_true(logins_changed());
	assert_int_equal(logins_encode(&b, T0), 0);
	assert_false(logins_changed());
	logins_clear();
	assert_int_equal(logins_decode(buf_view(&b), T0 + 10), 0);
	assert_null(logins_find(BOB));
	assert_int_equal(logins_find(ALICE)->counts[LOGIN_DAY].n, 90);
	assert_int_equal(charge(ALICE, 11, T0 + 11), -1);
	assert_int_equal(charge(ALICE, 10, T0 + 11), 0);
	assert_int_equal(notice, -1); /* that was told before */
	/* damage is noticed, wherever it is */
	logins_clear();
	for (size_t i = 0; i < b.n; i++) {
		b.p[i] ^= 1;
		assert_int_equal(logins_decode(buf_view(&b), T0), -1);
		b.p[i] ^= 1;
		assert_int_equal(logins_decode(str_take(buf_view(&b), i), T0), -1);
	}
	assert_null(logins_find(ALICE));
	buf_clear(&b);
	buf_clear(&again);
}

static void test_many(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < LOGINS_MAX; i++) {
		snprintf(name, sizeof name, "user%d@example.org", i);
		assert_int_equal(charge(str_of(name), 1, T0), 0);
	}
	assert_int_equal(charge(ALICE, 1, T0), -1);
	assert_int_equal(st.code, 450);
	assert_int_equal(charge(STR("user7@example.org"), 1, T0), 0);
	assert_int_equal(charge(ALICE, 1, T0 + DAY), 0); /* those of yesterday make room */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_hour, tear_down),
		cmocka_unit_test_teardown(test_day, tear_down),
		cmocka_unit_test_teardown(test_too_large, tear_down),
		cmocka_unit_test_teardown(test_no_limits, tear_down),
		cmocka_unit_test_teardown(test_refund, tear_down),
		cmocka_unit_test_teardown(test_clock, tear_down),
		cmocka_unit_test_teardown(test_on_disk, tear_down),
		cmocka_unit_test_teardown(test_many, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
