/*
 * For the fuzz targets of packets: a function per kind of message that takes it apart, and an input whose
 * first byte chooses one.
 */
#ifndef FUZZ_PACKET_H
#define FUZZ_PACKET_H

#include <stdint.h>

#include "base/arena.h"
#include "base/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef int packet_get(struct get *g, struct arena *a);

/* One whose strings are borrowed from the packet; one whose strings are copied into an arena. */
#define BORROWED(name, type, fn)                                                                   \
	static int name(struct get *g, struct arena *a)                                            \
	{                                                                                          \
		struct type x;                                                                     \
                                                                                                   \
		(void)a;                                                                           \
		return fn(g, &x);                                                                  \
	}
#define COPIED(name, type, fn)                                                                     \
	static int name(struct get *g, struct arena *a)                                            \
	{                                                                                          \
		struct type x;                                                                     \
                                                                                                   \
		return fn(g, a, &x);                                                               \
	}

static inline void packet_try(const uint8_t *data, size_t size, packet_get *const *gets, size_t n)
{
	struct arena a;
	struct get g;

	if (size == 0)
		return;
	arena_init(&a);
	g = get_start(str_bytes(data + 1, size - 1));
	gets[data[0] % n](&g, &a);
	arena_clear(&a);
}

#endif
