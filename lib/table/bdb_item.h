/*
 * The pages of a Berkeley DB file: their header, their checksum, and the items that lie in them.
 * Every offset is checked.
 */
#ifndef TABLE_BDB_ITEM_H
#define TABLE_BDB_ITEM_H

#include "table/dbfile.h"

enum {
	BDB_META = 512, /* bytes that a checksum of page 0 covers */

	/* page header */
	AT_PGNO = 8,
	AT_NEXT = 16,
	AT_ENTRIES = 20,
	AT_TYPE = 25,
	HEADER = 26,
	HEADER_CHKSUM = 32,

	P_NONE = 0,
	P_HASH_UNSORTED = 2,
	P_IBTREE = 3,
	P_LBTREE = 5,
	P_OVERFLOW = 7,
	P_HASH = 13,
};

struct bdb {
	struct dbfile file; /* first */
	bool hash, checksums;
	uint32_t header; /* bytes of a page header */
	uint32_t max_bucket, high_mask, low_mask, spares[32]; /* hash */
	uint32_t root; /* btree */
};

/* An item of a page: bytes in the page, or the head of a chain of overflow pages. */
struct bdb_item {
	bool away;
	uint32_t page, total;
	struct str here;
};

bool bdb_zero(const uint8_t *p, size_t n);
/* The checksum lies in the page itself and counts as zeros. A page never written has none. */
bool bdb_checksum_good(const struct pages *p, uint8_t *page);
bool bdb_meta_good(uint8_t meta[BDB_META]);

/* How many items a page has, as far as there is room for them. */
unsigned bdb_entries(const struct bdb *d, const uint8_t *page);

/* The i-th item of a page; -1 with the fault. In a leaf *deleted may be NULL. */
int bdb_hash_item(struct bdb *d, const uint8_t *page, unsigned i, struct bdb_item *out);
int bdb_leaf_item(
    struct bdb *d, const uint8_t *page, unsigned i, struct bdb_item *out, bool *deleted);
/* A separator of an internal page and the page below it. */
int bdb_inner_item(
    struct bdb *d, const uint8_t *page, unsigned i, struct bdb_item *out, uint32_t *child);

/* The bytes of an item, in a. -1 with the fault. */
int bdb_item_bytes(struct bdb *d, const struct bdb_item *it, struct arena *a, struct str *out);
/* As str_cmp(item, key): shorter first; -1, 0 or 1. 2 on a fault. */
int bdb_item_order(struct bdb *d, const struct bdb_item *it, struct str key, struct arena *a);

#endif
