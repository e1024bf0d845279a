/*
 * hash: and btree: tables: files of Berkeley DB 4.x and 5.x, read without the library (pages.h says
 * why). Layouts: "hash" version 8-9 and "btree" version 8-10 of that software, little-endian,
 * without encryption, partitions and duplicate keys, which no table has.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "table/bdb_item.h"

enum {
	HASH_MAGIC = 0x061561,
	BTREE_MAGIC = 0x053162,
	META_CHKSUM = 1, /* the only flag in byte 26 that we know */
};

/* --- looking up ------------------------------------------------------------------------------ */

static uint32_t key_hash(struct str key)
{
	uint32_t h = 0;

	for (size_t i = 0; i < key.n; i++)
		h = h * 16777619u ^ (uint8_t)key.p[i];
	return h;
}

static uint32_t bucket_page(const struct bdb *d, uint32_t bucket)
{
	uint32_t log2 = 0;

	while (log2 < 31 && (1u << log2) < bucket + 1)
		log2++;
	return bucket + d->spares[log2];
}

/* 1 with the value, 0, or -1. */
static int hash_find(struct bdb *d, struct str key, struct arena *a, struct str *value)
{
	uint32_t bucket = key_hash(key) & d->high_mask, number;
	const uint8_t *page;
	struct bdb_item it;

	if (bucket > d->max_bucket)
		bucket &= d->low_mask;
	number = bucket_page(d, bucket);
	for (uint64_t steps = 0; steps <= d->file.pages.count; steps++) {
		page = pages_get(&d->file.pages, number);
		if (page == NULL)
			return -1;
		if (page[AT_TYPE] == P_NONE && bdb_zero(page, d->header))
			return 0; /* allocated with its neighbours and never used */
		if (page[AT_TYPE] != P_HASH && page[AT_TYPE] != P_HASH_UNSORTED)
			return db_bad(&d->file, "a page of another kind in a bucket");
		for (unsigned i = 0, n = bdb_entries(d, page); i + 1 < n; i += 2) {
			if (bdb_hash_item(d, page, i, &it) == -1)
				return -1;
			if (it.away ? it.total != key.n : it.here.n != key.n)
				continue;
			switch (bdb_item_order(d, &it, key, a)) {
			case 2:
				return -1;
			case 0:
				if (bdb_hash_item(d, page, i + 1, &it) == -1)
					return -1;
				return bdb_item_bytes(d, &it, a, value) == -1 ? -1 : 1;
			}
		}
		number = page_u32(page + AT_NEXT);
		if (number == 0)
			return 0;
	}
	return db_bad(&d->file, "a bucket runs in a circle");
}

/* The page below that holds key: the last separator that is not behind it; the first counts as
 * lowest. */
static int inner_child(
    struct bdb *d, const uint8_t *page, struct str key, struct arena *a, uint32_t *child)
{
	unsigned low = 1, high = bdb_entries(d, page);
	struct bdb_item it;
	uint32_t at;

	if (high == 0)
		return db_bad(&d->file, "an empty inner page");
	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (bdb_inner_item(d, page, mid, &it, &at) == -1)
			return -1;
		switch (bdb_item_order(d, &it, key, a)) {
		case 2:
			return -1;
		case 1:
			high = mid;
			break;
		default:
			low = mid + 1;
		}
	}
	return bdb_inner_item(d, page, low - 1, &it, child);
}

static int leaf_find(
    struct bdb *d, const uint8_t *page, struct str key, struct arena *a, struct str *value)
{
	unsigned low = 0, high = bdb_entries(d, page) / 2;
	struct bdb_item it;
	bool deleted;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (bdb_leaf_item(d, page, 2 * mid, &it, NULL) == -1)
			return -1;
		switch (bdb_item_order(d, &it, key, a)) {
		case 2:
			return -1;
		case -1:
			low = mid + 1;
			break;
		case 1:
			high = mid;
			break;
		default:
			if (bdb_leaf_item(d, page, 2 * mid + 1, &it, &deleted) == -1)
				return -1;
			if (deleted)
				return 0;
			return bdb_item_bytes(d, &it, a, value) == -1 ? -1 : 1;
		}
	}
	return 0;
}

static int btree_find(struct bdb *d, struct str key, struct arena *a, struct str *value)
{
	uint32_t number = d->root;

	for (int depth = 0; depth < PAGES_DEPTH; depth++) {
		const uint8_t *page = pages_get(&d->file.pages, number);

		if (page == NULL)
			return -1;
		if (page_u32(page + AT_PGNO) != number)
			return db_bad(&d->file, "a page at the wrong place");
		if (page[AT_TYPE] == P_LBTREE)
			return leaf_find(d, page, key, a, value);
		if (page[AT_TYPE] != P_IBTREE)
			return db_bad(&d->file, "a page of another kind in the tree");
		if (inner_child(d, page, key, a, &number) == -1)
			return -1;
	}
	return db_bad(&d->file, "the tree is too deep");
}

static int find(struct dbfile *f, struct str key, struct arena *a, struct str *value)
{
	struct bdb *d = (struct bdb *)f;

	return d->hash ? hash_find(d, key, a, value) : btree_find(d, key, a, value);
}

/* --- listing --------------------------------------------------------------------------------- */

static int list_page(struct bdb *d, struct db_listing *l, const uint8_t *page)
{
	unsigned n = bdb_entries(d, page);
	struct bdb_item k, v;
	struct str key, value;
	bool deleted;
	int r = 0;

	for (unsigned i = 0; i + 1 < n && r == 0; i += 2) {
		deleted = false;
		arena_reset(&l->arena);
		if (d->hash ? bdb_hash_item(d, page, i, &k) == -1 ||
				  bdb_hash_item(d, page, i + 1, &v) == -1
			    : bdb_leaf_item(d, page, i, &k, NULL) == -1 ||
				  bdb_leaf_item(d, page, i + 1, &v, &deleted) == -1)
			return -1;
		if (deleted)
			continue;
		if (bdb_item_bytes(d, &k, &l->arena, &key) == -1 ||
		    bdb_item_bytes(d, &v, &l->arena, &value) == -1)
			return -1;
		r = db_list(l, key, value);
	}
	return r;
}

/* The page with the lowest keys. */
static int first_leaf(struct bdb *d, uint32_t *number)
{
	struct bdb_item it;

	*number = d->root;
	for (int depth = 0; depth < PAGES_DEPTH; depth++) {
		const uint8_t *page = pages_get(&d->file.pages, *number);

		if (page == NULL)
			return -1;
		if (page[AT_TYPE] == P_LBTREE)
			return 0;
		if (page[AT_TYPE] != P_IBTREE || bdb_entries(d, page) == 0)
			return db_bad(&d->file, "a page of another kind in the tree");
		if (bdb_inner_item(d, page, 0, &it, number) == -1)
			return -1;
	}
	return db_bad(&d->file, "the tree is too deep");
}

/* Calls list_page() for a chain of pages; copies each, as a page may push another out of the cache.
 */
static int list_chain(struct bdb *d, struct db_listing *l, uint32_t number, uint8_t *copy)
{
	int r;

	for (uint64_t steps = 0; steps <= d->file.pages.count; steps++) {
		const uint8_t *page = pages_get(&d->file.pages, number);

		if (page == NULL)
			return -1;
		memcpy(copy, page, d->file.pages.size);
		if (copy[AT_TYPE] == P_NONE && bdb_zero(copy, d->header))
			return 0;
		if (copy[AT_TYPE] != P_HASH && copy[AT_TYPE] != P_HASH_UNSORTED &&
		    copy[AT_TYPE] != P_LBTREE)
			return db_bad(&d->file, "a page of another kind among the entries");
		r = list_page(d, l, copy);
		number = page_u32(copy + AT_NEXT);
		if (r != 0 || number == 0)
			return r;
	}
	return db_bad(&d->file, "a chain of pages runs in a circle");
}

static int each(struct dbfile *f, struct db_listing *l)
{
	struct bdb *d = (struct bdb *)f;
	uint8_t *copy = xmalloc(f->pages.size);
	uint32_t leaf;
	int r = 0;

	if (d->hash) {
		for (uint32_t b = 0; b <= d->max_bucket && r == 0; b++)
			r = list_chain(d, l, bucket_page(d, b), copy);
	} else {
		r = first_leaf(d, &leaf);
		if (r == 0)
			r = list_chain(d, l, leaf, copy);
	}
	free(copy);
	return r;
}

/* --- opening --------------------------------------------------------------------------------- */

static int read_meta(struct bdb *d, int fd, char *why)
{
	uint8_t m[BDB_META];
	uint32_t version;
	ssize_t n = pread(fd, m, sizeof m, 0);

	if (n != sizeof m)
		return table_why(why, "damaged: too short to be a table");
	version = page_u32(m + 16);
	if (page_u32(m + 12) != (d->hash ? HASH_MAGIC : BTREE_MAGIC))
		return table_why(
		    why, "is no %s file of this byte order", d->hash ? "hash" : "btree");
	if (version < 8 || version > (d->hash ? 9 : 10))
		return table_why(why, "version %u of its format is not known", version);
	if (m[24] != 0 || (m[26] & ~META_CHKSUM) != 0)
		return table_why(why, "is encrypted or partitioned");
	d->checksums = (m[26] & META_CHKSUM) != 0;
	d->header = d->checksums ? HEADER_CHKSUM : HEADER;
	d->max_bucket = page_u32(m + 72);
	d->high_mask = page_u32(m + 76);
	d->low_mask = page_u32(m + 80);
	for (int i = 0; i < 32; i++)
		d->spares[i] = page_u32(m + 96 + 4 * i);
	d->root = page_u32(m + 88);
	version = page_u32(m + 20); /* the page size */
	if (d->checksums && !bdb_meta_good(m))
		return table_why(why, "damaged: wrong checksum in the first page");
	if (pages_init(&d->file.pages, fd, version) == -1)
		return table_why(why, "%s", d->file.pages.why);
	if (d->hash && d->max_bucket >= d->file.pages.count)
		return table_why(why, "damaged: more buckets than pages");
	d->file.pages.check = d->checksums ? bdb_checksum_good : NULL;
	return 0;
}

static int open_hash(struct dbfile *f, int fd, char *why)
{
	((struct bdb *)f)->hash = true;
	return read_meta((struct bdb *)f, fd, why);
}

static int open_btree(struct dbfile *f, int fd, char *why)
{
	return read_meta((struct bdb *)f, fd, why);
}

static const struct db_format hash_format = { sizeof(struct bdb), open_hash, find, each };
static const struct db_format btree_format = { sizeof(struct bdb), open_btree, find, each };

static void *hash_load(struct table *t, struct str text, int fd, char *why)
{
	(void)text;
	return db_load(t, fd, &hash_format, why);
}

static void *btree_load(struct table *t, struct str text, int fd, char *why)
{
	(void)text;
	return db_load(t, fd, &btree_format, why);
}

const struct table_type table_hash = { .name = "hash",
	.source = SOURCE_DB,
	.suffix = ".db",
	.fold = true,
	.load = hash_load,
	.unload = db_unload,
	.lookup = db_lookup,
	.each = db_each };
const struct table_type table_btree = { .name = "btree",
	.source = SOURCE_DB,
	.suffix = ".db",
	.fold = true,
	.load = btree_load,
	.unload = db_unload,
	.lookup = db_lookup,
	.each = db_each };
