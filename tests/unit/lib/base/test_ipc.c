/* Packets and channels between two ends of a real socketpair. */
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

#include "base/chan.h"
#include "base/ipc.h"

enum { T_NOTE = 1, T_ASK = 2, T_CLOSE = 3 };

static void fields_round_trip(void **state)
{
	uint8_t space[128];
	struct put w = put_into(space, sizeof space);
	struct get g;

	(void)state;
	put_u8(&w, 200);
	put_u16(&w, 60000);
	put_u32(&w, 4000000000u);
	put_u64(&w, UINT64_MAX);
	put_i64(&w, -5);
	put_z(&w, "text");
	put_str(&w, STR_NONE);
	g = get_start(put_view(&w));
	assert_int_equal(get_u8(&g), 200);
	assert_int_equal(get_u16(&g), 60000);
	assert_true(get_u32(&g) == 4000000000u);
	assert_true(get_u64(&g) == UINT64_MAX);
	assert_int_equal(get_i64(&g), -5);
	assert_true(str_eq(get_line(&g, 10), STR("text")));
	assert_int_equal(get_str(&g, 0).n, 0);
	assert_int_equal(get_end(&g), 0);
}

static void every_prefix_is_refused(void **state)
{
	uint8_t space[64];
	struct put w = put_into(space, sizeof space);

	(void)state;
	put_u32(&w, 1);
	put_z(&w, "0123456789");
	put_u8(&w, 1);
	for (size_t n = 0; n <= w.n; n++) {
		char *exact = malloc(n + 1); /* ASan sees a read behind it */
		struct get g;

		memcpy(exact, space, n);
		exact = realloc(exact, n == 0 ? 1 : n);
		g = get_start(str_bytes(exact, n));
		get_u32(&g);
		get_str(&g, 100);
		get_bool(&g);
		assert_int_equal(get_end(&g), n == w.n ? 0 : -1);
		free(exact);
	}
}

static void lines_have_no_line_ends(void **state)
{
	static const char *const bad[] = { "a\rb", "a\nb" };
	uint8_t space[64];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct put w = put_into(space, sizeof space);
		struct get g;

		put_z(&w, bad[i]);
		g = get_start(put_view(&w));
		get_line(&g, 10);
		assert_int_equal(get_ok(&g), -1);
	}
}

static void too_much_is_marked(void **state)
{
	uint8_t space[8];
	struct put w = put_into(space, sizeof space);

	(void)state;
	put_u64(&w, 1);
	assert_false(w.bad);
	put_u8(&w, 1);
	assert_true(w.bad);
	assert_int_equal(w.n, 8);
}

static void packet_carries_descriptors(void **state)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct ipc_msg m = { .type = T_NOTE, .id = 3, .gen = 4, .body = STR("hello") }, r;
	int pair[2], null = open("/dev/null", O_RDONLY), fd;

	(void)state;
	assert_int_equal(ipc_pair(pair), 0);
	m.nfds = 2;
	m.fds[0] = m.fds[1] = null;
	assert_int_equal(ipc_send(pair[0], &m), 0);
	assert_int_equal(ipc_recv(pair[1], &r, space), 1);
	assert_int_equal(r.type, T_NOTE);
	assert_int_equal(r.id, 3);
	assert_true(str_eq(r.body, STR("hello")));
	assert_int_equal(r.nfds, 2);
	fd = ipc_take_fd(&r, 1);
	assert_true(fd > 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(ipc_take_fd(&r, 1), -1);
	assert_int_equal(ipc_take_fd(&r, 5), -1);
	ipc_close_fds(&r);
	assert_int_equal(ipc_recv(pair[1], &r, space), -1);
	assert_int_equal(errno, EAGAIN);
	close(pair[0]);
	assert_int_equal(ipc_recv(pair[1], &r, space), 0);
	close(pair[1]);
	close(fd);
	close(null);
}

static void nonsense_is_not_a_packet(void **state)
{
	static uint8_t space[IPC_PACKET_MAX];
	static char much[IPC_PACKET_MAX + 1000];
	struct ipc_msg r;
	int pair[2];

	(void)state;
	assert_int_equal(ipc_pair(pair), 0);
	assert_int_equal(send(pair[0], "short", 5, 0), 5);
	assert_int_equal(ipc_recv(pair[1], &r, space), -1);
	assert_int_equal(errno, EBADMSG);
	assert_true(send(pair[0], much, sizeof much, 0) > 0);
	assert_int_equal(ipc_recv(pair[1], &r, space), -1);
	assert_int_equal(errno, EBADMSG);
	close(pair[0]);
	close(pair[1]);
}

/* --- channels --------------------------------------------------------------------------------- */

static struct chan left, right;
static int notes, answers, failures, downs;

static int on_note(struct chan *c, struct ipc_msg *m)
{
	(void)c;
	notes++;
	return m->body.n == 1 ? 0 : -1;
}

static int on_ask(struct chan *c, struct ipc_msg *m)
{
	struct put w = put_start();

	put_u32(&w, 99);
	return chan_reply(c, m, T_ASK, &w, NULL, 0);
}

static int on_close(struct chan *c, struct ipc_msg *m)
{
	(void)m;
	chan_close(c);
	return 0;
}

static void on_down(struct chan *c)
{
	(void)c;
	downs++;
}

static void on_done(struct ask *a, struct ipc_msg *m)
{
	(void)a;
	if (m != NULL)
		answers++;
	else
		failures++;
}

static const struct chan_row rows[] = {
	{ T_NOTE, 0, on_note },
	{ T_ASK, 0, on_ask },
	{ T_CLOSE, 0, on_close },
	{ 0 },
};

static int connect_both(void **state)
{
	int pair[2];

	(void)state;
	notes = answers = failures = downs = 0;
	assert_int_equal(ipc_pair(pair), 0);
	chan_init(&left, &pair[0], rows, on_down);
	chan_init(&right, &pair[1], rows, on_down);
	return 0;
}

static int close_both(void **state)
{
	(void)state;
	chan_close(&left);
	chan_close(&right);
	return 0;
}

static void poll_some(void)
{
	for (int i = 0; i < 5; i++)
		loop_poll();
}

static void request_is_answered_once(void **state)
{
	struct ask a = { 0 }, b = { 0 };

	(void)state;
	chan_ask(&left, &a, T_ASK, NULL, NULL, 0, 1000, on_done, NULL);
	chan_ask(&left, &b, T_ASK, NULL, NULL, 0, 1000, on_done, NULL);
	ask_cancel(&b);
	assert_int_equal(answers, 0);
	poll_some();
	assert_int_equal(answers, 1);
	assert_int_equal(failures, 0);
	assert_int_equal(downs, 0);
}

static void request_ends_with_its_peer(void **state)
{
	struct ask a = { 0 }, b = { 0 };

	(void)state;
	chan_ask(&left, &a, T_CLOSE, NULL, NULL, 0, 1000, on_done, NULL);
	chan_ask(NULL, &b, T_ASK, NULL, NULL, 0, 1000, on_done, NULL);
	assert_int_equal(failures, 0);
	poll_some();
	assert_int_equal(failures, 2);
	assert_int_equal(downs, 1);
	assert_int_equal(chan_send(&left, T_NOTE, NULL, NULL, 0), -1);
}

static void request_has_a_deadline(void **state)
{
	struct ask a = { 0 };

	(void)state;
	/* nobody reads at the other end */
	watch_clear(&right.watch);
	chan_ask(&left, &a, T_ASK, NULL, NULL, 0, 0, on_done, NULL);
	poll_some();
	assert_int_equal(failures, 1);
}

static void bad_message_closes_the_channel(void **state)
{
	struct put w = put_start();

	(void)state;
	put_u16(&w, 1);
	assert_int_equal(chan_send(&left, T_NOTE, &w, NULL, 0), 0);
	poll_some();
	assert_int_equal(notes, 1);
	assert_int_equal(right.fd, -1);
	assert_int_equal(downs, 2); /* ours, and the other's that sees it */
}

static void unknown_type_closes_the_channel(void **state)
{
	(void)state;
	chan_send(&left, 77, NULL, NULL, 0);
	poll_some();
	assert_int_equal(right.fd, -1);
}

static void output_waits_in_order_and_is_bounded(void **state)
{
	struct put w = put_start();
	int sent = 0;

	(void)state;
	put_u8(&w, 1);
	watch_clear(&right.watch);
	for (int i = 0; i < 5000; i++)
		sent += chan_send(&left, T_NOTE, &w, NULL, 0) == 0;
	assert_int_equal(sent, 5000);
	watch_set(&right.watch, right.fd, WATCH_READ, right.watch.fn, right.watch.arg);
	for (int i = 0; i < 1000 && notes < 5000; i++)
		loop_poll();
	assert_int_equal(notes, 5000);
	watch_clear(&right.watch);
	w.n = IPC_BODY_MAX;
	for (sent = 0; chan_send(&left, T_NOTE, &w, NULL, 0) == 0;)
		sent++;
	assert_true((size_t)sent * IPC_BODY_MAX < CHAN_OUT_MAX + 1024 * 1024);
}

static void packet_names_its_sender(void **state)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct ipc_msg out = { .type = T_NOTE }, in;
	int fds[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(ipc_pair(fds), 0);
	assert_int_equal(ipc_send(fds[0], &out), 0);
	assert_int_equal(ipc_recv(fds[1], &in, space), 1);
	assert_int_equal(in.pid, 0);
	assert_int_equal(ipc_want_pid(fds[1]), 0);
	for (unsigned i = 0; i < IPC_FDS_MAX; i++)
		out.fds[out.nfds++] = null;
	assert_int_equal(ipc_send(fds[0], &out), 0);
	assert_int_equal(ipc_recv(fds[1], &in, space), 1);
	assert_int_equal(in.pid, getpid());
	assert_int_equal(in.nfds, IPC_FDS_MAX);
	ipc_close_fds(&in);
	close(null);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_round_trip),
		cmocka_unit_test(every_prefix_is_refused),
		cmocka_unit_test(lines_have_no_line_ends),
		cmocka_unit_test(too_much_is_marked),
		cmocka_unit_test(packet_carries_descriptors),
		cmocka_unit_test(packet_names_its_sender),
		cmocka_unit_test(nonsense_is_not_a_packet),
		cmocka_unit_test_setup_teardown(request_is_answered_once, connect_both, close_both),
		cmocka_unit_test_setup_teardown(
		    request_ends_with_its_peer, connect_both, close_both),
		cmocka_unit_test_setup_teardown(request_has_a_deadline, connect_both, close_both),
		cmocka_unit_test_setup_teardown(
		    bad_message_closes_the_channel, connect_both, close_both),
		cmocka_unit_test_setup_teardown(
		    unknown_type_closes_the_channel, connect_both, close_both),
		cmocka_unit_test_setup_teardown(
		    output_waits_in_order_and_is_bounded, connect_both, close_both),
	};

	loop_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
