/*
 * Reading built files page by page, for the two formats that Thurn reads itself, Berkeley DB and
 * LMDB.
 *
 * Why not with the libraries: both map or trust their pages, so a flipped bit or a file cut short
 * ends the process, and with it every other table; both want a path, which a confined process has
 * not; Berkeley DB looks for a file DB_CONFIG in the working directory. What a table needs - find
 * one key in a file that never changes - is little code, and here every offset is checked: a
 * damaged file is a failed lookup. `thurn map` writes with the libraries.
 */
#ifndef TABLE_PAGES_H
#define TABLE_PAGES_H

#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum { PAGES_WHY = 160, PAGES_DEPTH = 32 };

struct pages {
	int fd;
	uint32_t size; /* bytes in a page, a power of two */
	uint64_t count; /* pages in the file */
	/* A page is only kept when this says so; NULL = all. */
	bool (*check)(const struct pages *p, uint8_t *page);
	void *owner;
	uint8_t *cache;
	uint64_t *cached; /* number of the page in each slot + 1 */
	unsigned slots;
	char why[PAGES_WHY]; /* the last fault */
};

/* Borrows fd. -1 with p->why when size is not 512 to 64 KiB or the file cannot be stat'ed. */
int pages_init(struct pages *p, int fd, uint32_t size);
void pages_clear(struct pages *p);

/* A page, valid until the next call; NULL with p->why when it does not exist or cannot be read. */
const uint8_t *pages_get(struct pages *p, uint64_t number);
/* The same into space (size bytes), past the cache: -1 with p->why. */
int pages_read(struct pages *p, uint64_t number, uint64_t bytes, uint8_t *space);

int pages_fault(struct pages *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Fields as x86 writes them; both formats are in the byte order of the machine that made them. */
static inline uint16_t page_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t page_u32(const uint8_t *p)
{
	return (uint32_t)page_u16(p) | (uint32_t)page_u16(p + 2) << 16;
}
static inline uint64_t page_u64(const uint8_t *p)
{
	return page_u32(p) | (uint64_t)page_u32(p + 4) << 32;
}

#endif
