/* The delivering threads behind a channel that ends, is replaced, or talks nonsense. */
#include "../../../../deliver/maildir/worker.h"
#include "../../../../deliver/maildir/become.h"
#include "../../../../deliver/maildir/mailbox.h"
#include "../../remove_tree.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "proto/deliver.h"
#include "proto/types.h"

enum { THREADS = 4, WAIT_MS = 5000 };

static char root[64];
static int root_fd, notify[2];
static uint8_t packet[IPC_PACKET_MAX];

static int setup(void **state)
{
	(void)state;
	snprintf(root, sizeof root, "/tmp/deliver-test-XXXXXX");
	if (mkdtemp(root) == NULL || ipc_pair(notify) == -1)
		return -1;
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(root_fd, "alice", 0700);
	become_init(false, 0, 0);
	mailbox_init(root_fd, 8);
	worker_notify(notify[0]);
	return worker_start(THREADS, STR("host.test"));
}

static int teardown(void **state)
{
	(void)state;
	return remove_tree(root);
}

/* The queue's end of a new channel. */
static int connect_queue(void)
{
	int fds[2];

	assert_int_equal(ipc_pair(fds), 0);
	worker_queue(fds[0]);
	fcntl(fds[1], F_SETFL, 0);
	return fds[1];
}

static void send_job(int fd, uint32_t id)
{
	static const char text[] = "Subject: x\r\n\r\nx\r\n";
	struct deliver_rcpt r = {
		.slot = 3, .addr = STR("alice@example.org"), .home = STR("alice")
	};
	struct deliver_job j = { .id = id,
		.transport = TRANSPORT_MAILDIR,
		.body_size = sizeof text - 1,
		.rcpts = &r,
		.nrcpts = 1 };
	struct put w = put_start();
	struct ipc_msg m = { .type = DELIVER_JOB, .id = id, .gen = 77, .nfds = 1 };

	put_job(&w, &j);
	m.body = put_view(&w);
	m.fds[0] = memfd_create("body", MFD_CLOEXEC);
	assert_int_equal(write(m.fds[0], text, sizeof text - 1), sizeof text - 1);
	assert_int_equal(ipc_send(fd, &m), 0);
	close(m.fds[0]);
}

/* The id of the job that was answered with 250. */
static uint32_t read_result(int fd)
{
	struct arena a;
	struct ipc_msg m;
	struct get g;
	struct deliver_results r;

	arena_init(&a);
	assert_int_equal(ipc_recv(fd, &m, packet), 1);
	assert_int_equal(m.type, DELIVER_RESULT);
	assert_int_equal(m.flags, IPC_REPLY);
	assert_int_equal(m.gen, 77);
	g = get_start(m.body);
	assert_int_equal(get_results(&g, &a, &r), 0);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.at[0].slot, 3);
	assert_int_equal(r.at[0].status.code, 250);
	arena_clear(&a);
	return m.id;
}

static void test_jobs_and_notices(void **state)
{
	int q = connect_queue();
	uint32_t sum = 0, notices = 0;
	struct ipc_msg m;

	(void)state;
	for (uint32_t i = 1; i <= 10; i++)
		send_job(q, i);
	for (uint32_t i = 1; i <= 10; i++)
		sum += read_result(q);
	assert_int_equal(sum, 55);
	/* deliveries that shared a sync share a notice; the last answer came after its notice */
	for (uint32_t i = 1; ipc_recv(notify[1], &m, packet) == 1; i++) {
		struct get g;
		struct str home;

		assert_in_range(i, 1, 10);
		notices = i;
		assert_int_equal(m.type, NOTIFY_DELIVERED);
		g = get_start(m.body);
		home = get_str(&g, 100);
		assert_true(str_eq(home, STR("alice")));
		assert_int_equal(get_str(&g, 100).n, 0);
		assert_int_equal(get_end(&g), 0);
	}
	assert_in_range(notices, 1, 10);
	close(q);
}

static void test_queue_restarts(void **state)
{
	int old = connect_queue(), q;

	(void)state;
	send_job(old, 21);
	close(old); /* died with a job outstanding */
	q = connect_queue();
	send_job(q, 21);
	assert_int_equal(read_result(q), 21);
	/* a second one while the first still seems alive */
	old = q;
	q = connect_queue();
	send_job(q, 22);
	assert_int_equal(read_result(q), 22);
	assert_int_equal(recv(old, packet, sizeof packet, 0), 0);
	close(old);
	close(q);
}

/* Whatever is no job ends that channel and nothing else. */
static void test_nonsense(void **state)
{
	struct ipc_msg bad[] = {
		{ .type = DELIVER_RESULT, .id = 1 },
		{ .type = DELIVER_JOB, .id = 1 },
		{ .type = DELIVER_JOB, .id = 1, .body = STR("short"), .nfds = 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		int q = connect_queue();

		bad[i].fds[0] = root_fd;
		assert_int_equal(ipc_send(q, &bad[i]), 0);
		assert_int_equal(recv(q, packet, sizeof packet, 0), 0);
		close(q);
		q = connect_queue();
		send_job(q, 30 + (uint32_t)i);
		assert_int_equal(read_result(q), 30 + i);
		close(q);
	}
}

static void test_drain(void **state)
{
	static const struct timespec tick = { .tv_nsec = 1000000 };
	int q = connect_queue();

	(void)state;
	send_job(q, 41);
	assert_int_equal(read_result(q), 41);
	worker_drain();
	for (int i = 0; i < WAIT_MS && worker_busy() > 0; i++)
		nanosleep(&tick, NULL);
	assert_int_equal(worker_busy(), 0);
	/* the job of the queue that died may have been lost with it */
	assert_in_range(worker_counts().delivered, 10 + 2 + 3 + 1, 10 + 3 + 3 + 1);
	close(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jobs_and_notices),
		cmocka_unit_test(test_queue_restarts),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_drain),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
