/*
 * The checkpoint: {u8 items, section}, once as a section in memory, and once as the whole of a file. It
 * is found wanting or every item that is in it is found, with a brief that can be read or is refused.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../../queue/brief.h"
#include "../../../queue/snapshot.h"
#include "base/alloc.h"
#include "base/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void section(const uint8_t *data, size_t size, uint32_t n)
{
	struct snapshot_items items = { .bytes = xmalloc(size + 1), .size = size, .n = n };

	if (size > 0)
		memcpy(items.bytes, data, size);
	if (snapshot_index(&items) == 0) {
		for (uint32_t i = 0; i < n; i++) {
			struct get g = get_start(str_bytes(items.bytes + items.at[i], 18));
			uint64_t id = get_u64(&g), stamp = get_u64(&g);
			struct str brief = snapshot_find(&items, id, stamp);

			assert(brief.p != NULL);
			free(brief_copy(brief));
			assert(snapshot_find(&items, id, stamp + 1).p == NULL);
		}
	}
	snapshot_free(&items);
}

static void file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("checkpoint", MFD_CLOEXEC);
	struct snapshot s;

	if (fd == -1 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (snapshot_open(&s, fd) == -1)
		return;
	for (unsigned i = 0; i < SHARDS; i++) {
		struct snapshot_items items;

		if (snapshot_read(&s, i, &items) == 0)
			snapshot_free(&items);
	}
	snapshot_close(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	section(data + 1, size - 1, data[0]);
	file(data, size);
	return 0;
}
