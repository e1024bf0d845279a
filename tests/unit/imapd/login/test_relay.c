/* A relay between two socket pairs: a client on one side, a session on the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../../imapd/login/relay.h"
#include "base/loop.h"

static struct fixture {
	struct conn outer;
	struct relay relay;
	int client, session; /* the far ends */
	unsigned overs;
} f;

static void before_login(struct conn *c)
{
	(void)c;
	fail_msg("the events of before are not called any more");
}

static void ended_before_login(struct conn *c, enum conn_end why)
{
	(void)c;
	(void)why;
	fail_msg("the events of before are not called any more");
}

static const struct conn_events old_events = { .input = before_login, .end = ended_before_login };

static void over(void *arg)
{
	(void)arg;
	f.overs++;
}

static int set_up(void **state)
{
	int outer[2], inner[2];

	(void)state;
	memset(&f, 0, sizeof f);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, outer), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, inner), 0);
	f.client = outer[1];
	f.session = inner[1];
	fcntl(f.client, F_SETFL, O_NONBLOCK);
	fcntl(f.session, F_SETFL, O_NONBLOCK);
	conn_init(&f.outer, &outer[0], 16 * 1024, 16 * 1024, &old_events, NULL);
	conn_pause(&f.outer); /* as after the login command */
	relay_begin(&f.relay, &f.outer, &inner[0], over, &f);
	assert_int_equal(inner[0], -1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	relay_close(&f.relay);
	conn_close(&f.outer);
	if (f.client != -1)
		close(f.client);
	if (f.session != -1)
		close(f.session);
	return 0;
}

static void turn(int n)
{
	while (n-- > 0)
		loop_poll();
}

static void check_passes(int from, int to)
{
	char text[32];

	assert_int_equal(write(from, "hello", 5), 5);
	turn(4);
	assert_int_equal(read(to, text, sizeof text), 5);
	assert_memory_equal(text, "hello", 5);
}

static void test_both_ways(void **state)
{
	(void)state;
	check_passes(f.client, f.session);
	check_passes(f.session, f.client);
	check_passes(f.client, f.session);
	/* nothing is kept of what has passed */
	assert_null(f.outer.in.p);
	assert_null(f.outer.out.p);
	assert_null(f.relay.inner.in.p);
	assert_null(f.relay.inner.out.p);
}

/* One side that does not read: what waits for it is bounded, and comes whole when it reads again.
 */
static void check_flood(int from, int to, const struct conn *waiting)
{
	static char block[8192], got[65536];
	size_t sent = 0, heard = 0;
	uint8_t next = 0, expected = 0;
	int idle = 0;

	while (idle < 20) {
		ssize_t n;

		for (size_t i = 0; i < sizeof block; i++)
			block[i] = (char)(next + i);
		n = write(from, block, sizeof block);
		if (n > 0) {
			sent += (size_t)n;
			next = (uint8_t)(next + n);
		}
		idle = n > 0 ? 0 : idle + 1;
		turn(1);
		assert_true(waiting->out.n <= 32 * 1024);
	}
	assert_true(sent > 64 * 1024);
	for (int i = 0; i < 2000 && heard < sent; i++) {
		ssize_t n = read(to, got, sizeof got);

		for (ssize_t k = 0; k < n; k++)
			if ((uint8_t)got[k] != expected++)
				fail_msg("byte %zu is wrong", heard + (size_t)k);
		heard += n > 0 ? (size_t)n : 0;
		turn(1);
	}
	assert_int_equal(heard, sent);
}

static void test_floods(void **state)
{
	(void)state;
	check_flood(f.client, f.session, &f.relay.inner);
	check_flood(f.session, f.client, &f.outer);
	check_passes(f.client, f.session);
}

static void test_client_leaves(void **state)
{
	char text[32];

	(void)state;
	assert_int_equal(write(f.client, "a LOGOUT\r\n", 10), 10);
	close(f.client);
	f.client = -1;
	turn(6);
	/* what it said last is heard, and then its end */
	assert_int_equal(read(f.session, text, sizeof text), 10);
	assert_int_equal(read(f.session, text, sizeof text), 0);
	assert_int_equal(f.overs, 0);
	close(f.session);
	f.session = -1;
	turn(4);
	assert_int_equal(f.overs, 1);
}

static void test_session_ends(void **state)
{
	char text[32];

	(void)state;
	assert_int_equal(write(f.session, "* BYE\r\n", 7), 7);
	close(f.session);
	f.session = -1;
	turn(6);
	assert_int_equal(read(f.client, text, sizeof text), 7);
	assert_int_equal(read(f.client, text, sizeof text), 0);
	assert_int_equal(f.overs, 0);
	close(f.client);
	f.client = -1;
	turn(4);
	assert_int_equal(f.overs, 1);
}

static void test_the_suite_ends(void **state)
{
	char text[32];

	(void)state;
	relay_end(&f.relay);
	turn(4);
	assert_int_equal(read(f.session, text, sizeof text), 0);
	close(f.session);
	f.session = -1;
	turn(4);
	assert_int_equal(read(f.client, text, sizeof text), 0);
	close(f.client);
	f.client = -1;
	turn(4);
	assert_int_equal(f.overs, 1);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_both_ways),
		TEST(test_floods),
		TEST(test_client_leaves),
		TEST(test_session_ends),
		TEST(test_the_suite_ends),
	};

	loop_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
