/*
 * A spool file of any content: is understood or called damaged, never more. The checksums are put
 * right where that is possible, so that what stands behind them is reached.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../../queue/format.h"
#include "../../../queue/transcript.h"
#include "base/alloc.h"
#include "base/crc32c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put32(uint8_t *p, uint32_t v)
{
	struct put w = put_into(p, 4);

	put_u32(&w, v);
}

/* Header and trailer get the checksums that they should have. */
static void repair(uint8_t *p, size_t size)
{
	struct spool_layout l;

	if (size < SPOOL_HEADER)
		return;
	put32(p + SPOOL_HEADER - 4, crc32c(0, p, SPOOL_HEADER - 4));
	if (header_decode(p, &l) == SPOOL_GOOD && l.trailer_offset + SPOOL_TRAILER <= size)
		put32(p + l.trailer_offset + SPOOL_TRAILER - 4,
		    crc32c(0, p + l.trailer_offset, SPOOL_TRAILER - 4));
}

static void look(int fd, bool verify)
{
	struct spool_layout l;
	struct spool_content c;
	struct slot *slots;
	struct arena a;
	const char *why;

	arena_init(&a);
	if (spool_check(fd, verify, &l, &why) == SPOOL_GOOD &&
	    spool_read(fd, &l, &a, &c, &slots, &why) == SPOOL_GOOD) {
		assert(l.kind == SPOOL_EXPANSION ? c.ntargets == l.slots
						 : c.envelope.nrcpts == l.slots);
		for (uint32_t i = 0; i < l.slots; i++)
			assert(slots[i].state >= SLOT_PENDING && slots[i].state <= SLOT_BOUNCED);
	}
	arena_clear(&a);
}

/* The records alone, as a message and as an expansion. */
static void records(const uint8_t *data, size_t size)
{
	for (uint8_t kind = SPOOL_MESSAGE; kind <= SPOOL_EXPANSION; kind++) {
		struct spool_layout l = { .kind = kind, .slots = 1 };
		struct spool_content c;
		struct arena a;

		arena_init(&a);
		(void)records_decode(str_bytes(data, size), &a, &l, &c);
		arena_clear(&a);
	}
}

/* A place of a transcript, with the checksum that it should have. */
static void transcripts(const uint8_t *data, size_t size)
{
	static int fd = -1;
	const struct spool_layout l = { .id = 0 };
	uint8_t place[SPOOL_TRAILER + TRANSCRIPT_PLACE] = { 0 }, *p = place + SPOOL_TRAILER;
	struct transcript all[TRANSCRIPTS];
	struct arena a;
	unsigned n;

	if (fd == -1)
		fd = memfd_create("transcripts", MFD_CLOEXEC);
	memcpy(p + 4, data, size < TRANSCRIPT_PLACE - 4 ? size : TRANSCRIPT_PLACE - 4);
	put32(p, crc32c(crc32c(0, &l.id, sizeof l.id), p + 4, TRANSCRIPT_PLACE - 4));
	if (pwrite(fd, place, sizeof place, 0) != sizeof place)
		abort();
	arena_init(&a);
	n = transcripts_read(fd, &l, &a, all);
	assert(n <= 1 && (n == 0 || (all[0].n <= JOB_RCPTS && all[0].text.n <= TRANSCRIPT_MAX)));
	arena_clear(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	uint8_t *p;

	if (size > 64 * 1024)
		return 0;
	if (fd == -1)
		fd = memfd_create("spool", MFD_CLOEXEC);
	transcripts(data, size);
	p = xmalloc(size + 1);
	if (size > 0)
		memcpy(p, data, size);
	if (ftruncate(fd, 0) == -1 || pwrite(fd, p, size, 0) != (ssize_t)size)
		abort();
	look(fd, true);
	repair(p, size);
	if (pwrite(fd, p, size, 0) != (ssize_t)size)
		abort();
	look(fd, false);
	records(data, size);
	free(p);
	return 0;
}
