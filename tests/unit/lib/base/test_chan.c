/* A channel whose other end does not listen: what waits for it is bounded, whatever it consists of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "base/chan.h"

enum { TRIES = 200 * 1000, KERNEL = 1000 /* packets that a socket itself may hold */ };

static const struct chan_row rows[] = { { 0 } };

static unsigned open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Sends small packets with nfds descriptors each until it is too much. Returns how many went. */
static unsigned fill(struct chan *c, unsigned nfds)
{
	const int fds[IPC_FDS_MAX] = { 0 };
	unsigned n = 0;

	while (n < TRIES && chan_send(c, 1, NULL, fds, nfds) == 0)
		n++;
	assert_int_equal(errno, ENOBUFS);
	return n;
}

static void open_chan(struct chan *c, int *other)
{
	int pair[2];

	*c = (struct chan){ .fd = -1 };
	assert_int_equal(ipc_pair(pair), 0);
	*other = pair[1];
	chan_init(c, &pair[0], rows, NULL);
}

static void test_packets(void **state)
{
	struct chan c;
	int other;

	(void)state;
	open_chan(&c, &other);
	assert_in_range(fill(&c, 0), 1, CHAN_OUT_MAX / sizeof(struct ipc_msg) + KERNEL);
	assert_true(c.out_bytes <= CHAN_OUT_MAX);
	chan_close(&c);
	assert_int_equal(c.out_bytes, 0);
	close(other);
}

static void test_descriptors(void **state)
{
	unsigned before = open_fds();
	struct chan c;
	int other;

	(void)state;
	open_chan(&c, &other);
	assert_in_range(fill(&c, IPC_FDS_MAX), 1, TRIES - 1);
	assert_in_range(open_fds() - before, 1, CHAN_OUT_MAX / 4096 + 2);
	chan_close(&c);
	close(other);
	assert_int_equal(open_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_descriptors),
	};

	loop_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
