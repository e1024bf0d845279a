/* Buffered connections over a socket pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/conn.h"

static struct fixture {
	struct conn c;
	int peer;
	struct buf got;
	unsigned inputs, drains, ends;
	enum conn_end why;
	bool line_mode, pause_each, close_on_input, close_on_end;
} f;

static void on_input(struct conn *c)
{
	struct str line;
	size_t size;

	f.inputs++;
	if (f.close_on_input) {
		conn_close(c);
		return;
	}
	if (!f.line_mode) {
		buf_str(&f.got, buf_view(&c->in));
		buf_drop(&c->in, c->in.n);
		return;
	}
	while (!c->paused && conn_line(c, 64, &line, &size) == 1) {
		buf_printf(&f.got, "%.*s|", STR_ARG(line));
		conn_printf(c, "ok %.*s\r\n", STR_ARG(line));
		buf_drop(&c->in, size);
		if (f.pause_each)
			conn_pause(c);
	}
}

static void on_drained(struct conn *c)
{
	(void)c;
	f.drains++;
}

static void on_end(struct conn *c, enum conn_end why)
{
	f.ends++;
	f.why = why;
	if (f.close_on_end)
		conn_close(c);
}

static const struct conn_events events = { on_input, on_drained, on_end };

static int set_up(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	memset(&f, 0, sizeof f);
	buf_init(&f.got, 1 << 22);
	f.peer = fds[1];
	fcntl(f.peer, F_SETFL, O_NONBLOCK);
	conn_init(&f.c, &fds[0], 4096, 1 << 20, &events, &f);
	assert_int_equal(fds[0], -1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	conn_close(&f.c);
	if (f.peer != -1)
		close(f.peer);
	buf_clear(&f.got);
	return 0;
}

static void say(const char *text)
{
	assert_int_equal(write(f.peer, text, strlen(text)), (ssize_t)strlen(text));
	loop_poll();
}

static void check_heard(const char *expect)
{
	char text[4096];
	ssize_t n;

	loop_poll();
	n = read(f.peer, text, sizeof text - 1);
	text[n < 0 ? 0 : n] = '\0';
	assert_string_equal(text, expect);
}

static void test_lines(void **state)
{
	(void)state;
	f.line_mode = true;
	say("one\r\ntwo\nth");
	assert_string_equal(buf_cstr(&f.got), "one|two|");
	check_heard("ok one\r\nok two\r\n");
	assert_int_equal(f.drains, 1);
	say("ree\r\n");
	assert_string_equal(buf_cstr(&f.got), "one|two|three|");
	assert_null(f.c.in.p); /* idle: no memory */
	check_heard("ok three\r\n");
	assert_null(f.c.out.p);
}

static void test_pause(void **state)
{
	(void)state;
	f.line_mode = f.pause_each = true;
	say("a\nb\nc\n");
	assert_string_equal(buf_cstr(&f.got), "a|");
	say("d\n");
	say("e\n");
	assert_string_equal(buf_cstr(&f.got), "a|");
	for (const char *expect = "a|b|c|d|e|"; strlen(expect) > f.got.n;) {
		size_t before = f.got.n;

		conn_resume(&f.c);
		loop_poll();
		assert_int_equal(f.got.n, before + 2);
		assert_memory_equal(f.got.p, expect, f.got.n);
	}
}

static void test_cork(void **state)
{
	(void)state;
	conn_write(&f.c, STR("one "));
	conn_cork(&f.c);
	conn_write(&f.c, STR("two "));
	check_heard("");
	conn_write(&f.c, STR("three"));
	conn_uncork(&f.c);
	check_heard("one two three");
	conn_cork(&f.c);
	conn_write(&f.c, STR("last"));
	conn_finish(&f.c);
	check_heard("last");
}

/* What had been said before the end is handled before the end. */
static void test_eof_behind_pause(void **state)
{
	(void)state;
	f.line_mode = f.pause_each = true;
	say("a\nb\n");
	shutdown(f.peer, SHUT_WR);
	loop_poll();
	loop_poll();
	assert_int_equal(f.ends, 0);
	conn_resume(&f.c);
	loop_poll();
	assert_string_equal(buf_cstr(&f.got), "a|b|");
	assert_int_equal(f.ends, 0);
	conn_resume(&f.c);
	loop_poll();
	loop_poll();
	assert_int_equal(f.ends, 1);
}

static void resume(void *arg, unsigned what)
{
	struct watch *w = arg;

	(void)what;
	watch_clear(w);
	conn_resume(&f.c);
}

/* The same when the end is announced in the turn of the loop that lets it go on. */
static void test_eof_beside_resume(void **state)
{
	struct watch w = { .what = 0 };
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	watch_set(&w, fds[0], WATCH_READ, resume, &w);
	f.line_mode = f.pause_each = true;
	say("a\nb\n");
	loop_poll(); /* the kernel tells first of what has been ready for longer */
	assert_int_equal(write(fds[1], "", 1), 1);
	shutdown(f.peer, SHUT_WR);
	loop_poll();
	loop_poll();
	assert_string_equal(buf_cstr(&f.got), "a|b|");
	check_heard("ok a\r\nok b\r\n");
	assert_int_equal(f.ends, 0);
	conn_resume(&f.c);
	loop_poll();
	loop_poll();
	assert_int_equal(f.ends, 1);
	close(fds[0]);
	close(fds[1]);
}

static void test_full_input(void **state)
{
	char big[5000];
	struct str line;
	size_t size;

	(void)state;
	memset(big, 'x', sizeof big);
	f.line_mode = true;
	assert_int_equal(write(f.peer, big, sizeof big), sizeof big);
	loop_poll();
	loop_poll();
	assert_int_equal(f.c.in.n, 4096);
	assert_int_equal(conn_line(&f.c, 64, &line, &size), -1);
	assert_int_equal(conn_line(&f.c, 8192, &line, &size), 0);
	assert_int_equal(f.inputs, 1);
}

static void test_back_pressure(void **state)
{
	static char big[600 * 1024], got[1 << 20];
	size_t total = 0;

	(void)state;
	memset(big, 'y', sizeof big);
	assert_int_equal(conn_write(&f.c, str_bytes(big, sizeof big)), 0);
	assert_int_equal(conn_write(&f.c, str_bytes(big, sizeof big)), -1); /* out_max */
	loop_poll();
	assert_true(f.c.out.n > 0);
	say("unread while we are not read");
	loop_poll();
	assert_int_equal(f.inputs, 0);
	while (total < sizeof big) {
		ssize_t n = read(f.peer, got, sizeof got);

		if (n > 0)
			total += (size_t)n;
		loop_poll();
	}
	loop_poll();
	assert_int_equal(f.drains, 1);
	assert_int_equal(f.inputs, 1);
}

static void test_finish(void **state)
{
	(void)state;
	conn_write(&f.c, STR("bye"));
	conn_finish(&f.c);
	assert_int_equal(f.ends, 0);
	loop_poll();
	assert_int_equal(f.ends, 1);
	assert_int_equal(f.why, CONN_EOF);
	check_heard("bye");
}

static void test_linger(void **state)
{
	(void)state;
	conn_write(&f.c, STR("go away"));
	conn_linger(&f.c);
	loop_poll();
	assert_int_equal(f.ends, 0);
	say("more and");
	say("more");
	assert_int_equal(f.inputs, 0);
	check_heard("go away");
	assert_int_equal(f.ends, 0);
	close(f.peer);
	f.peer = -1;
	loop_poll();
	loop_poll();
	assert_int_equal(f.ends, 1);
}

static void test_deadline(void **state)
{
	(void)state;
	conn_deadline(&f.c, 10);
	loop_poll();
	assert_int_equal(f.ends, 0);
	usleep(20000);
	loop_poll();
	assert_int_equal(f.ends, 1);
	assert_int_equal(f.why, CONN_TIMEOUT);
	conn_close(&f.c);
	conn_deadline(&f.c, 10);
}

static void test_close_in_event(void **state)
{
	(void)state;
	f.close_on_input = true;
	conn_write(&f.c, STR("x"));
	say("hello");
	assert_int_equal(f.c.fd, -1);
	assert_int_equal(f.ends, 0);
	assert_int_equal(conn_write(&f.c, STR("x")), -1);
	conn_close(&f.c);
	conn_finish(&f.c);
	loop_poll();
}

static void test_close_in_end(void **state)
{
	(void)state;
	f.close_on_end = true;
	conn_write(&f.c, STR("x"));
	close(f.peer);
	f.peer = -1;
	loop_poll();
	loop_poll();
	assert_int_equal(f.ends, 1);
	assert_int_equal(f.c.fd, -1);
}

static void test_detach(void **state)
{
	char text[8];
	int fd;

	(void)state;
	f.line_mode = true;
	say("half");
	conn_write(&f.c, STR("out"));
	fd = conn_detach(&f.c);
	assert_int_equal(f.c.fd, -1);
	assert_true(str_eq(buf_view(&f.c.in), STR("half")));
	buf_clear(&f.c.in);
	check_heard("out");
	assert_int_equal(write(f.peer, "later", 5), 5);
	loop_poll();
	assert_int_equal(read(fd, text, sizeof text), 5);
	close(fd);
}

/* The same descriptor number again within one turn of the loop. */
static void test_reuse(void **state)
{
	(void)state;
	f.line_mode = true;
	for (int i = 0; i < 3; i++) {
		int fds[2];

		conn_close(&f.c);
		close(f.peer);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		f.peer = fds[1];
		fcntl(f.peer, F_SETFL, O_NONBLOCK);
		conn_init(&f.c, &fds[0], 4096, 4096, &events, &f);
	}
	say("again\n");
	assert_string_equal(buf_cstr(&f.got), "again|");
}

static void test_connect(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof in;
	int l = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	conn_close(&f.c);
	assert_int_equal(bind(l, (struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&in, &n), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(
	    conn_connect(&f.c, (struct sockaddr *)&in, n, NULL, 0, 100, 100, &events, &f), 0);
	conn_write(&f.c, STR("early"));
	for (int i = 0; i < 50 && f.drains == 0; i++)
		loop_poll();
	assert_int_equal(f.drains, 1);
	close(f.peer);
	f.peer = accept(l, NULL, NULL);
	check_heard("early");
	conn_close(&f.c);
	close(l);
	f.drains = 0;
	if (conn_connect(&f.c, (struct sockaddr *)&in, n, NULL, 0, 100, 100, &events, &f) == 0) {
		for (int i = 0; i < 50 && f.ends == 0; i++)
			loop_poll();
		assert_int_equal(f.ends, 1);
		assert_int_equal(f.why, CONN_ERROR);
		assert_int_equal(f.drains, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pause, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cork, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_eof_behind_pause, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_eof_beside_resume, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_input, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_back_pressure, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_finish, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_linger, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_deadline, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_close_in_event, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_close_in_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_detach, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reuse, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_connect, set_up, tear_down),
	};

	loop_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
