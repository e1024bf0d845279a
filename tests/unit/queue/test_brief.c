/* What is kept of messages: all of it when it fits, and an honest word when it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../../../queue/brief.h"
#include "../../../queue/format.h"
#include "proto/lane.h"

static struct facts_rcpt rcpts[20];
static struct facts facts;

static int set_up(void **state)
{
	(void)state;
	memset(rcpts, 0, sizeof rcpts);
	for (size_t i = 0; i < sizeof rcpts / sizeof rcpts[0]; i++)
		rcpts[i] = (struct facts_rcpt){
			.addr = STR("bob@example.net"),
			.relay = STR("mx.example.net[192.0.2.1]:25"),
			.status = STR("451 4.4.1 no answer"),
			.attempts = (uint16_t)i,
			.state = SLOT_PENDING,
		};
	facts = (struct facts){ .known = true,
		.whole = true,
		.trace = 7,
		.body_size = 1234,
		.arrival = 1795446245,
		.sender = STR("alice@example.org"),
		.login = STR("alice"),
		.client = STR("192.0.2.7"),
		.lane = LANE_BULK,
		.left = 2,
		.rcpts = rcpts,
		.nrcpts = 2 };
	return 0;
}

/* What comes back from a brief of the facts. */
static struct facts again(struct facts_rcpt back[BRIEF_RCPTS])
{
	static struct brief *b;
	struct facts f = { .id = 9, .state = ENTRY_HELD };

	free(b);
	b = brief_new(&facts);
	assert_non_null(b);
	assert_true(b->n <= BRIEF_MAX);
	assert_int_equal(brief_read(brief_bytes(b), &f, back), 0);
	assert_int_equal(f.id, 9);
	return f;
}

static void test_whole(void **state)
{
	struct facts_rcpt back[BRIEF_RCPTS];
	struct facts f = again(back);

	(void)state;
	assert_true(f.known && f.whole);
	assert_true(str_eq(f.sender, facts.sender) && str_eq(f.login, facts.login) &&
		    str_eq(f.client, facts.client));
	assert_true(f.trace == 7 && f.body_size == 1234 && f.arrival == facts.arrival);
	assert_int_equal(f.lane, LANE_BULK);
	assert_true(f.left == 2 && f.nrcpts == 2);
	assert_true(str_eq(f.rcpts[1].addr, rcpts[1].addr) &&
		    str_eq(f.rcpts[1].relay, rcpts[1].relay) &&
		    str_eq(f.rcpts[1].status, rcpts[1].status));
	assert_true(f.rcpts[1].attempts == 1 && f.rcpts[1].state == SLOT_PENDING);
}

static void test_not_whole(void **state)
{
	struct facts_rcpt back[BRIEF_RCPTS];
	char text[400];
	struct facts f;

	(void)state;
	/* more than fit */
	facts.left = facts.nrcpts = 20;
	f = again(back);
	assert_true(f.known && !f.whole && f.left == 20 && f.nrcpts > 0 && f.nrcpts <= BRIEF_RCPTS);
	/* what is rare is left out */
	facts.left = facts.nrcpts = 1;
	rcpts[0].given = STR("list@example.org");
	assert_false(again(back).whole);
	rcpts[0].given = STR_NONE;
	assert_true(again(back).whole);
	facts.parent = 1;
	assert_false(again(back).whole);
	facts.parent = 0;
	facts.release = 1;
	assert_false(again(back).whole);
	facts.release = 0;
	facts.nactions = 1;
	assert_false(again(back).whole);
	facts.nactions = 0;
	/* a long status is cut, its recipient stays */
	memset(text, 'x', sizeof text);
	rcpts[0].status = str_bytes(text, sizeof text);
	f = again(back);
	assert_true(!f.whole && f.nrcpts == 1 && str_eq(f.rcpts[0].addr, rcpts[0].addr));
	assert_true(f.rcpts[0].status.n > 200 && f.rcpts[0].status.n < sizeof text);
	/* who sent it is never cut */
	facts.sender = str_bytes(text, 320);
	facts.login = str_bytes(text, 320);
	assert_null(brief_new(&facts));
}

static void test_damage(void **state)
{
	struct brief *b = brief_new(&facts), *copy;
	struct str bytes = brief_bytes(b);
	struct facts_rcpt back[BRIEF_RCPTS];
	struct facts f;

	(void)state;
	copy = brief_copy(bytes);
	assert_non_null(copy);
	assert_true(str_eq(brief_bytes(copy), bytes));
	free(copy);
	for (size_t n = 0; n < bytes.n; n++)
		assert_null(brief_copy(str_take(bytes, n)));
	/* what was kept before there were lanes */
	b->bytes[0] = 1;
	copy = brief_copy(bytes);
	assert_non_null(copy);
	assert_int_equal(brief_read(brief_bytes(copy), &f, back), 0);
	assert_true(f.whole && f.lane == LANE_USER);
	free(copy);
	b->bytes[0] = (LANES + 1) << 1;
	assert_null(brief_copy(bytes));
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_whole, set_up),
		cmocka_unit_test_setup(test_not_whole, set_up),
		cmocka_unit_test_setup(test_damage, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
