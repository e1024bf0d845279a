/* Any bytes as a packet, and any bytes as fields of one. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ipc.h"
#include "proto/boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_packet(const uint8_t *data, size_t size)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct ipc_msg m;
	int pair[2];

	if (ipc_pair(pair) == -1)
		abort();
	if (size > 0 && send(pair[0], data, size, 0) == (ssize_t)size &&
	    ipc_recv(pair[1], &m, space) == 1) {
		if (m.nfds != 0 || m.body.n != size - IPC_HEADER)
			abort();
	}
	close(pair[0]);
	close(pair[1]);
}

static void as_boot(const uint8_t *data, size_t size)
{
	struct get g = get_start(str_bytes(data, size));
	struct session_row row;
	struct boot b;

	get_boot(&g, &b);
	g = get_start(str_bytes(data, size));
	get_session_row(&g, &row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_packet(data, size);
	as_boot(data, size);
	return 0;
}
