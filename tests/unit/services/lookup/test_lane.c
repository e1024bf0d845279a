/* LOOKUP_LANE: which rule of lane_maps is for a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../../../services/lookup/lane.h"
#include "fixture.h"

static const struct lane_question letter = { .sender = STR("News@Example.org"),
	.login = STR("Alice@example.org"),
	.listener = STR("inside"),
	.marks = STR("precedence:bulk list-id:<a.example>") };

/* The lane with a table of these lines alone; LANES: no rule. */
static uint8_t lane(const char *lines, const struct lane_question *q)
{
	struct lane_answer a;
	struct run r;

	file("lanes", lines);
	load();
	r = new_run();
	lane_answer(&r, q, &a);
	assert_false(a.failed);
	assert_true(a.lane == LANES ? a.rule.n == 0 : str_starts(a.rule, STR("texthash:lanes")));
	return a.lane;
}

static void test_keys(void **state)
{
	static const char *const keys[] = { "header:precedence:bulk", "header:list-id:<a.example>",
		"header:list-id", "login:alice@example.org", "news@example.org", "@example.org",
		"listener:inside" };
	const struct lane_question report = { .sender = STR_NONE };
	char line[100];

	(void)state;
	set("lane_maps", "texthash:lanes");
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		snprintf(line, sizeof line, "%s bulk\n", keys[i]);
		assert_int_equal(lane(line, &letter), LANE_BULK);
		assert_int_equal(lane(line, &report), LANES);
	}
	assert_int_equal(lane("<> reports\n", &report), LANE_REPORT);
	assert_int_equal(lane("<> reports\nheader:list bulk\nlogin:bob users\n", &letter), LANES);
}

/* What says most of that one message comes first, and DUNNO ends the search. */
static void test_order(void **state)
{
	(void)state;
	set("lane_maps", "texthash:lanes");
	assert_int_equal(
	    lane("listener:inside users\n@example.org bounces\n", &letter), LANE_BOUNCE);
	assert_int_equal(
	    lane("login:alice@example.org users\n@example.org bounces\n", &letter), LANE_USER);
	assert_int_equal(
	    lane("login:alice@example.org users\nheader:list-id reports\n", &letter), LANE_REPORT);
	assert_int_equal(
	    lane("header:precedence users\nheader:precedence:bulk bulk\n", &letter), LANE_BULK);
	assert_int_equal(lane("listener:inside bulk\n@example.org DUNNO\n", &letter), LANES);
}

static void test_failure(void **state)
{
	struct lane_answer a;
	struct run r;

	(void)state;
	set("lane_maps", "texthash:lanes");
	file("lanes", "@example.org fast\n");
	load();
	r = new_run();
	lane_answer(&r, &letter, &a);
	assert_true(a.failed && a.lane == LANES && str_starts(a.rule, STR("texthash:lanes")));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_keys), T(test_order), T(test_failure) };

	log_threshold(LEVEL_ERROR + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
