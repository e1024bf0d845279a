/*
 * Requests at the control socket: each input is a sequence of {u8 type, u8 length, bytes}, sent as
 * packets by a tool that is the owner, or is not. The answers are read and forgotten.
 */
#include <stdlib.h>
#include <unistd.h>

#include "../../../queue/control.h"
#include "../../../queue/message.h"
#include "../../../queue/pool.h"
#include "../../../queue/run.h"
#include "base/ipc.h"
#include "base/log.h"
#include "base/loop.h"
#include "proto/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int no_sync(unsigned dir)
{
	(void)dir;
	return 0;
}

static void prepare(void)
{
	loop_init();
	log_threshold(LEVEL_ERROR + 1u);
	run_init(sched_new(1));
	if (pool_init(1, no_sync) == -1)
		abort();
	control_init();
	/* messages that are only on disk, where nothing can be read here */
	for (uint64_t id = 1; id < 100; id++)
		entry_new(id, 1000, ENTRY_INCOMING);
}

static void drain(int fd)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct ipc_msg m;

	for (int i = 0; i < 10; i++) {
		loop_poll();
		while (ipc_recv(fd, &m, space) == 1)
			ipc_close_fds(&m);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = { QUEUE_CTL_LIST, QUEUE_CTL_SUMMARY, QUEUE_CTL_SHOW,
		QUEUE_CTL_ACT, QUEUE_CTL_LOGINS, QUEUE_CTL_SHAPE };
	static bool ready;
	int fds[2];

	if (!ready)
		prepare();
	ready = true;
	if (size == 0 || ipc_pair(fds) == -1)
		return 0;
	control_attach(&fds[1], (data[0] & 1) != 0);
	for (size_t at = 1; at + 2 <= size;) {
		size_t n = data[at + 1];
		struct ipc_msg m = { .type = types[data[at] % (sizeof types / sizeof types[0])],
			.id = 1,
			.gen = 1 };

		at += 2;
		if (n > size - at)
			n = size - at;
		m.body = str_bytes(data + at, n);
		at += n;
		if (ipc_send(fds[0], &m) == -1)
			break;
		loop_poll();
	}
	drain(fds[0]);
	close(fds[0]);
	drain(-1);
	return 0;
}
