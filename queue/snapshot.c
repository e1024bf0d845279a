/* The checkpoint's format. See snapshot.h. */
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/fd.h"
#include "base/ipc.h"
#include "brief.h"

#define MAGIC "thurnckp"

enum { VERSION = 1, ITEM_HEAD = 18 /* u64 id, u64 stamp, u16 length */ };

/* --- reading ---------------------------------------------------------------------------------- */

static int decode_header(struct snapshot *s, const uint8_t *bytes, uint64_t size)
{
	struct get g = get_start(str_bytes(bytes, SNAPSHOT_HEADER));

	if (memcmp(bytes, MAGIC, 8) != 0)
		return -1;
	g.p += 8;
	if (get_u32(&g) != VERSION || get_u32(&g) != SHARDS)
		return -1;
	for (unsigned i = 0; i < SHARDS; i++) {
		struct snapshot_part *p = &s->parts[i];

		p->offset = get_u64(&g);
		p->size = get_u32(&g);
		p->n = get_u32(&g);
		p->crc = get_u32(&g);
		if (p->size > SNAPSHOT_SECTION_MAX || p->offset > size ||
		    p->size > size - p->offset || p->n > p->size / ITEM_HEAD)
			return -1;
	}
	return get_u32(&g) == crc32c(0, bytes, SNAPSHOT_HEADER - 4) ? 0 : -1;
}

int snapshot_open(struct snapshot *s, int fd)
{
	uint8_t bytes[SNAPSHOT_HEADER];
	struct stat st;

	*s = (struct snapshot){ .fd = fd };
	if (fstat(fd, &st) == 0 && fd_read_at(fd, bytes, sizeof bytes, 0) == 0 &&
	    decode_header(s, bytes, (uint64_t)st.st_size) == 0)
		return 0;
	snapshot_close(s);
	return -1;
}

void snapshot_close(struct snapshot *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
}

static struct get item_at(const struct snapshot_items *items, uint32_t i)
{
	size_t at = items->at[i];

	return get_start(str_bytes(items->bytes + at, items->size - at));
}

int snapshot_index(struct snapshot_items *items)
{
	struct get g = get_start(str_bytes(items->bytes, items->size));
	uint64_t last = 0;

	items->at = xreallocarray(NULL, items->n + 1, sizeof *items->at);
	for (uint32_t i = 0; i < items->n; i++) {
		uint64_t id;
		uint16_t n;

		items->at[i] = (uint32_t)(g.p - items->bytes);
		id = get_u64(&g);
		(void)get_u64(&g);
		n = get_u16(&g);
		if (g.bad || id <= last || n > BRIEF_MAX || n > (size_t)(g.end - g.p))
			return -1;
		g.p += n;
		last = id;
	}
	return get_end(&g);
}

int snapshot_read(const struct snapshot *s, unsigned shard, struct snapshot_items *items)
{
	const struct snapshot_part *p = &s->parts[shard];

	*items = (struct snapshot_items){ .n = p->n, .size = p->size };
	if (s->fd == -1)
		return -1;
	items->bytes = xmalloc(p->size + 1);
	if (fd_read_at(s->fd, items->bytes, p->size, p->offset) == 0 &&
	    crc32c(0, items->bytes, p->size) == p->crc && snapshot_index(items) == 0)
		return 0;
	snapshot_free(items);
	return -1;
}

void snapshot_free(struct snapshot_items *items)
{
	free(items->bytes);
	free(items->at);
	*items = (struct snapshot_items){ 0 };
}

struct str snapshot_find(const struct snapshot_items *items, uint64_t id, uint64_t stamp)
{
	uint32_t from = 0, to = items->n;

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		struct get g = item_at(items, middle);
		uint64_t here = get_u64(&g);

		if (here == id) {
			bool same = get_u64(&g) == stamp;
			uint16_t n = get_u16(&g);

			return same ? str_bytes(g.p, n) : (struct str){ NULL, 0 };
		}
		if (here < id)
			from = middle + 1;
		else
			to = middle;
	}
	return (struct str){ NULL, 0 };
}

/* --- writing ---------------------------------------------------------------------------------- */

void snapshot_begin(struct snapshot *s, int fd)
{
	*s = (struct snapshot){ .fd = fd, .end = SNAPSHOT_HEADER };
	for (unsigned i = 0; i < SHARDS; i++)
		s->parts[i].offset = SNAPSHOT_HEADER;
}

void snapshot_item(struct buf *b, uint64_t id, uint64_t stamp, struct str brief)
{
	uint8_t head[ITEM_HEAD];
	struct put w = put_into(head, sizeof head);

	put_u64(&w, id);
	put_u64(&w, stamp);
	put_u16(&w, (uint16_t)brief.n);
	buf_put(b, head, sizeof head);
	buf_str(b, brief);
}

int snapshot_add(struct snapshot *s, unsigned shard, struct str items, uint32_t n)
{
	s->parts[shard] = (struct snapshot_part){ .offset = s->end,
		.size = (uint32_t)items.n,
		.n = n,
		.crc = crc32c(0, items.p, items.n) };
	if (fd_write_at(s->fd, items.p, items.n, s->end) == -1)
		return -1;
	s->end += items.n;
	return 0;
}

int snapshot_end(struct snapshot *s)
{
	uint8_t bytes[SNAPSHOT_HEADER];
	struct put w = put_into(bytes, sizeof bytes);

	memcpy(bytes, MAGIC, 8);
	w.n = 8;
	put_u32(&w, VERSION);
	put_u32(&w, SHARDS);
	for (unsigned i = 0; i < SHARDS; i++) {
		put_u64(&w, s->parts[i].offset);
		put_u32(&w, s->parts[i].size);
		put_u32(&w, s->parts[i].n);
		put_u32(&w, s->parts[i].crc);
	}
	put_u32(&w, crc32c(0, bytes, SNAPSHOT_HEADER - 4));
	return fd_write_at(s->fd, bytes, sizeof bytes, 0);
}
