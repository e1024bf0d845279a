/*
 * The format of the checkpoint (thurn-spool(5)): what was kept in memory of each message (brief.h) when it
 * was written, so that a start need not read their files. It is never the truth: an item counts only
 * for a file that has not been changed since, and whatever does not fit is as if it were not there.
 *
 *	header, a section per hash directory with items in the order of their ids
 */
#ifndef QUEUE_SNAPSHOT_H
#define QUEUE_SNAPSHOT_H

#include "base/buf.h"
#include "shards.h"

enum {
	SNAPSHOT_SECTION = 20, /* bytes of one in the header */
	SNAPSHOT_HEADER = 16 + SHARDS * SNAPSHOT_SECTION + 4,
	SNAPSHOT_SECTION_MAX = 256 * 1024 * 1024,
};

struct snapshot {
	int fd; /* -1 = none */
	uint64_t end; /* where the next section goes */
	struct snapshot_part {
		uint64_t offset;
		uint32_t size, n, crc;
	} parts[SHARDS];
};

/* One section in memory. */
struct snapshot_items {
	uint8_t *bytes; /* yours to free(), as at */
	uint32_t *at; /* where each item begins */
	uint32_t n;
	size_t size;
};

/* Reads the header of fd, which it takes. -1: it is none. */
int snapshot_open(struct snapshot *s, int fd);
void snapshot_close(struct snapshot *s);
/* One section, verified; -1 when it cannot be read or is damaged. May be called from threads. */
int snapshot_read(const struct snapshot *s, unsigned shard, struct snapshot_items *items);
void snapshot_free(struct snapshot_items *items);
/* Looks where the items begin; -1 when the bytes are none. */
int snapshot_index(struct snapshot_items *items);
/* The brief of a message, or one with p NULL when it is not there with that stamp. */
struct str snapshot_find(const struct snapshot_items *items, uint64_t id, uint64_t stamp);

/* Writing, into fd, which it takes: items are put into a buffer in the order of their ids. */
void snapshot_begin(struct snapshot *s, int fd);
void snapshot_item(struct buf *b, uint64_t id, uint64_t stamp, struct str brief);
/* 0, or -1 with errno. */
int snapshot_add(struct snapshot *s, unsigned shard, struct str items, uint32_t n);
/* The header: only now is it one. Not synced. */
int snapshot_end(struct snapshot *s);

#endif
