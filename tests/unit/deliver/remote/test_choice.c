/* The order of next hops: groups, weights, and what was not reached lately. */
#include "../../../../deliver/remote/choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/siphash.h"

enum { PLACES = 1024 }; /* as in choice.c */

static const struct way way = { .hop = { { .nexthop = { "a", 1 }, .group = 0, .weight = 3 },
				    { .nexthop = { "b", 1 }, .group = 0, .weight = 1 },
				    { .nexthop = { "c", 1 }, .group = 1, .weight = 7 },
				    { .nexthop = { "d", 1 }, .group = 2, .weight = 1 },
				    { .nexthop = { "e", 1 }, .group = 2, .weight = 1 } },
	.n = 5 };

static void test_shares(void **state)
{
	unsigned first[5] = { 0 }, fourth[5] = { 0 };
	uint8_t order[WAY_HOPS];
	uint64_t seed = 1;

	(void)state;
	choice_start(1000);
	for (int i = 0; i < 4000; i++) {
		unsigned seen = 0;

		choice_order(&way, &seed, 0, order);
		for (int k = 0; k < 5; k++)
			seen |= 1u << order[k];
		assert_int_equal(seen, 31); /* each once */
		assert_int_equal(order[2], 2);
		assert_true(order[0] < 2 && order[1] < 2 && order[3] > 2 && order[4] > 2);
		first[order[0]]++;
		fourth[order[3]]++;
	}
	/* 3000 and 2000 are expected; the seed is always the same */
	assert_in_range(first[0], 2900, 3100);
	assert_in_range(fourth[3], 1900, 2100);
}

static void test_down(void **state)
{
	uint8_t order[WAY_HOPS];
	uint64_t seed = 1;

	(void)state;
	choice_start(1000);
	choice_note_down(&way.hop[0], 50);
	choice_note_down(&way.hop[1], 50);
	choice_note_down(&way.hop[3], 50);
	assert_int_equal(choice_down_for(&way.hop[0], 60), 990);
	choice_order(&way, &seed, 60, order);
	assert_true(
	    order[0] == 2 && order[1] == 4 && order[2] < 2 && order[3] < 2 && order[4] == 3);
	choice_note_up(&way.hop[0]);
	choice_order(&way, &seed, 60, order);
	assert_true(order[0] == 0 && order[1] == 2);
	/* it is not remembered for ever */
	choice_order(&way, &seed, 1050, order);
	assert_true(order[0] < 2 && order[1] < 2);
}

static void test_kept_over_reload(void **state)
{
	(void)state;
	choice_start(1000);
	choice_note_down(&way.hop[2], 50);
	choice_start(2000);
	assert_int_equal(choice_down_for(&way.hop[2], 60), 990);
}

/* Who names next hops does not choose which of them share a place: not by a key that he could guess. */
static void test_places_are_secret(void **state)
{
	static const uint64_t guessed[2];
	struct way_hop one = { .nexthop = STR("one.test") }, other = { 0 };
	uint64_t place = siphash(guessed, one.nexthop) % PLACES;
	unsigned together = 0, pairs = 0;

	(void)state;
	choice_start(1000);
	for (unsigned n = 0; pairs < 4; n++) {
		char name[16];

		snprintf(name, sizeof name, "h%u.test", n);
		other.nexthop = str_of(name);
		if (siphash(guessed, other.nexthop) % PLACES != place)
			continue;
		choice_note_down(&one, 50);
		choice_note_down(&other, 50);
		together += choice_down_for(&one, 60) == 0;
		pairs++;
	}
	assert_true(together < pairs); /* all four by chance: once in 2^40 */
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_shares),
		cmocka_unit_test(test_down), cmocka_unit_test(test_kept_over_reload),
		cmocka_unit_test(test_places_are_secret) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
