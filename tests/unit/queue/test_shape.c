/* Ages by domain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "../../../queue/shape.h"

enum { NOW = 1795446245, MINUTE = 60 };

static struct facts message(int minutes, const struct facts_rcpt *rcpts, uint32_t n)
{
	return (struct facts){ .known = true,
		.whole = true,
		.arrival = NOW - minutes * MINUTE,
		.sender = STR("alice@Sender.example"),
		.left = n,
		.rcpts = rcpts,
		.nrcpts = n };
}

static const struct shape_row *rows[8];
static unsigned nrows;

static void keep(void *arg, const struct shape_row *r)
{
	(void)arg;
	rows[nrows++] = r;
}

static const struct facts_rcpt three[] = {
	{ .addr = STR("a@one.example") },
	{ .addr = STR("b@ONE.example") },
	{ .addr = STR("c@two.example") },
};

static void test_ages(void **state)
{
	static const int minutes[SHAPE_AGES] = { 4, 9, 19, 39, 79, 159, 319, 639, 1279, 99999 };
	struct shape *s = shape_new(false);

	(void)state;
	for (int i = 0; i < SHAPE_AGES; i++) {
		struct facts f = message(minutes[i], three, 1), later = f;

		shape_add(s, &f, NOW);
		assert_int_equal(shape_total(s)->ages[i], 1 + (i > 0));
		later.arrival -= MINUTE; /* the first minute of the next column */
		shape_add(s, &later, NOW);
	}
	assert_int_equal(shape_total(s)->total, 2 * SHAPE_AGES);
	/* from the future: a clock was set back */
	shape_add(s, &(struct facts){ .known = true, .arrival = NOW + 99, .left = 1 }, NOW);
	assert_int_equal(shape_total(s)->ages[0], 2);
	shape_free(s);
}

static void test_domains(void **state)
{
	struct shape *s = shape_new(false);
	struct facts f = message(1, three, 3);

	(void)state;
	shape_add(s, &f, NOW);
	f.left = 10; /* seven more than are kept */
	shape_add(s, &f, NOW);
	f.known = false;
	shape_add(s, &f, NOW);
	nrows = 0;
	shape_each(s, 8, keep, NULL);
	assert_int_equal(nrows, 2);
	assert_true(str_eq(rows[0]->domain, STR("one.example")) && rows[0]->total == 4);
	assert_true(str_eq(rows[1]->domain, STR("two.example")) && rows[1]->total == 2);
	assert_int_equal(shape_others(s)->total, 7);
	assert_int_equal(shape_total(s)->total, 13);
	assert_int_equal(shape_unknown(s), 1);
	nrows = 0;
	shape_each(s, 1, keep, NULL);
	assert_int_equal(nrows, 1);
	shape_free(s);
}

static void test_senders(void **state)
{
	struct shape *s = shape_new(true);
	struct facts f = message(1, three, 3);

	(void)state;
	shape_add(s, &f, NOW);
	f.sender = STR_NONE;
	shape_add(s, &f, NOW);
	shape_add(s, &f, NOW);
	nrows = 0;
	shape_each(s, 8, keep, NULL);
	assert_int_equal(nrows, 2);
	assert_true(rows[0]->domain.n == 0 && rows[0]->total == 2);
	assert_true(str_eq(rows[1]->domain, STR("sender.example")));
	shape_free(s);
}

/* More domains than anybody may make us remember. */
static void test_many(void **state)
{
	struct shape *s = shape_new(false);

	(void)state;
	for (int i = 0; i < SHAPE_DOMAINS_MAX + 5; i++) {
		char text[32];
		struct facts_rcpt r = { 0 };
		struct facts f = message(1, &r, 1);

		snprintf(text, sizeof text, "x@%d.example", i);
		r.addr = str_of(text);
		shape_add(s, &f, NOW);
	}
	assert_int_equal(shape_others(s)->total, 5);
	assert_int_equal(shape_total(s)->total, SHAPE_DOMAINS_MAX + 5);
	shape_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ages),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_senders),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
