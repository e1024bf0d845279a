/* How old a message is, in days that its sender wanted it to wait. */
#include "../../../queue/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../../queue/clock.h"

#define MINUTE INT64_C(60000)
#define DAY    (24 * 60 * MINUTE)

static const int64_t arrival = INT64_C(1700000000000); /* ms */

static struct message *accepted(int64_t release, uint32_t ntargets)
{
	struct message *m = message_new(1);

	m->content.envelope.arrival = arrival * 1000;
	m->content.envelope.release = release / 1000;
	m->targets = arena_array(&m->arena, ntargets, sizeof *m->targets);
	m->ntargets = ntargets;
	return m;
}

static void test_from_arrival(void **state)
{
	struct message *m = accepted(0, 1);

	(void)state;
	assert_int_equal(message_age(m, arrival + DAY), DAY);
	target_tried(m, &m->targets[0], arrival + DAY);
	assert_int_equal(message_age(m, arrival + 2 * DAY), 2 * DAY);
	/* a clock that ran backwards */
	assert_int_equal(message_age(m, arrival - 3650 * DAY), 0);
	message_free(m);
}

static void test_from_release(void **state)
{
	struct message *m = accepted(arrival + 10 * DAY, 1);

	(void)state;
	assert_int_equal(message_age(m, arrival + 9 * DAY), 0);
	target_tried(m, &m->targets[0], arrival + 11 * DAY);
	assert_int_equal(m->targets[0].early, 0);
	assert_int_equal(message_age(m, arrival + 11 * DAY), DAY);
	message_free(m);
}

/* Released before its time: it has its whole lifetime from then on, and no more when that time comes. */
static void test_from_early_release(void **state)
{
	struct message *m = accepted(arrival + 20 * DAY, 2);

	(void)state;
	target_tried(m, &m->targets[1], arrival + 10 * DAY);
	assert_in_range(message_age(m, arrival + 10 * DAY), 0, MINUTE);
	assert_in_range(message_age(m, arrival + 15 * DAY), 5 * DAY - MINUTE, 5 * DAY);
	target_tried(m, &m->targets[1], arrival + 12 * DAY);
	assert_int_equal(m->targets[1].attempts, 2);
	assert_in_range(message_age(m, arrival + 21 * DAY), 11 * DAY - MINUTE, 11 * DAY);
	message_free(m);
}

static void test_bounds(void **state)
{
	struct message *m = accepted(arrival + 1000 * DAY, 2);

	(void)state;
	target_tried(m, &m->targets[0], arrival + 999 * DAY);
	assert_int_equal(m->targets[0].early, UINT16_MAX);
	/* the clock was set back meanwhile */
	target_tried(m, &m->targets[1], arrival - DAY);
	assert_int_equal(m->targets[1].early, 1);
	m->targets[0].attempts = UINT16_MAX;
	target_tried(m, &m->targets[0], arrival);
	assert_int_equal(m->targets[0].attempts, UINT16_MAX);
	message_free(m);
}

/* The wall clock is set ten years ahead, and back again later; it is then as old as if nothing had been. */
static void test_clock_jumps(void **state)
{
	const int64_t decade = 3650 * DAY;
	struct message *before = accepted(0, 1), *between = accepted(0, 1), *after = accepted(0, 1);
	int64_t steady = 5000, wall = arrival + 1000;

	(void)state;
	assert_int_equal(clock_look(wall, steady), 0);
	assert_int_equal(clock_look(wall + 1500, steady + 1000), 0);
	assert_int_equal(message_age(before, wall + DAY), DAY + 1000);
	steady += DAY;
	assert_int_equal(clock_look(wall + decade + DAY, steady), decade - 500);
	assert_in_range(message_age(before, wall + decade + DAY), DAY, DAY + 2000);
	/* one that came in during the wrong time */
	between->content.envelope.arrival = (wall + decade + DAY) * 1000;
	assert_int_equal(message_age(between, wall + decade + 2 * DAY), DAY);
	steady += DAY;
	assert_int_equal(clock_look(wall + 2 * DAY, steady), -decade);
	assert_in_range(message_age(before, wall + 2 * DAY), 2 * DAY, 2 * DAY + 2000);
	assert_int_equal(message_age(between, wall + 2 * DAY), DAY);
	after->content.envelope.arrival = (wall + 2 * DAY) * 1000;
	assert_int_equal(message_age(after, wall + 2 * DAY), 0);
	assert_int_equal(message_age(after, wall + 3 * DAY), DAY);
	assert_int_equal(message_age(between, wall + 3 * DAY), 2 * DAY);
	/* many more are bounded, and the last ones count */
	for (int i = 0; i < 100; i++) {
		steady += DAY;
		assert_int_equal(
		    clock_look(wall + (i % 2 == 0 ? decade : 3 * DAY) + i, steady) != 0, true);
	}
	message_free(before);
	message_free(between);
	message_free(after);
}

/* A queue that was stopped for a week begins where it was. */
static void test_time_away(void **state)
{
	struct message *m = accepted(0, 1);

	(void)state;
	m->content.envelope.arrival += 20000 * DAY * 1000; /* later than all of the jumps before */
	assert_int_equal(
	    clock_resume(arrival + 20001 * DAY + 5 * MINUTE, arrival + 20001 * DAY), 0);
	assert_int_equal(clock_resume(arrival + 20008 * DAY, arrival + 20001 * DAY), 7 * DAY);
	assert_int_equal(message_age(m, arrival + 20008 * DAY), DAY);
	message_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_arrival),
		cmocka_unit_test(test_from_release),
		cmocka_unit_test(test_from_early_release),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_clock_jumps),
		cmocka_unit_test(test_time_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
