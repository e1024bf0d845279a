/* How old a message is, in days that its sender wanted it to wait. */
#include "../../../queue/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_arrival),
		cmocka_unit_test(test_from_release),
		cmocka_unit_test(test_from_early_release),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
