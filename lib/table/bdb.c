/*
 * hash: and btree: tables: files of Berkeley DB 4.x and 5.x, read without the library (pages.h says
 * why). Layouts: "hash" version 8-9 and "btree" version 8-10 of that software, little-endian,
 * without encryption, partitions and duplicate keys, which no table has.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "table/impl.h"
#include "table/pages.h"

enum {
	META_BYTES = 512, /* what a checksum of page 0 covers */
	HASH_MAGIC = 0x061561,
	BTREE_MAGIC = 0x053162,
	META_CHKSUM = 1, /* the only flag in byte 26 that we know */

	/* page header */
	AT_PGNO = 8,
	AT_NEXT = 16,
	AT_ENTRIES = 20,
	AT_OFFSET = 22, /* of an overflow page: bytes of data in it */
	AT_TYPE = 25,
	HEADER = 26,
	HEADER_CHKSUM = 32, /* with the checksum at 28 */

	P_NONE = 0,
	P_HASH_UNSORTED = 2,
	P_IBTREE = 3,
	P_LBTREE = 5,
	P_OVERFLOW = 7,
	P_HASH = 13,

	H_KEYDATA = 1,
	H_OFFPAGE = 3,
	B_KEYDATA = 1,
	B_OVERFLOW = 3,
	B_DELETED = 0x80,
};

struct bdb {
	struct pages pages;
	bool hash, checksums;
	bool ends_nul; /* keys and values carry a NUL at the end */
	uint32_t header;
	uint32_t max_bucket, high_mask, low_mask, spares[32]; /* hash */
	uint32_t root; /* btree */
};

/* An item of a page: bytes in the page, or the head of a chain of overflow pages. */
struct item {
	bool away;
	uint32_t page, total;
	struct str here;
};

/* h * 33 + byte, over all; eight at a time, as a page has 4096 of them and each waits for the last.
 */
static uint32_t sum33(const uint8_t *p, size_t n)
{
	enum { P1 = 33, P2 = P1 * P1, P3 = P2 * P1, P4 = P3 * P1 };
	uint32_t h = 0, a, b;

	for (; n >= 8; n -= 8, p += 8) {
		a = p[0] * (uint32_t)P3 + p[1] * (uint32_t)P2 + p[2] * (uint32_t)P1 + p[3];
		b = p[4] * (uint32_t)P3 + p[5] * (uint32_t)P2 + p[6] * (uint32_t)P1 + p[7];
		h = (h * P4 + a) * P4 + b;
	}
	for (; n > 0; n--, p++)
		h = h * 33 + *p;
	return h;
}

static bool zero(const uint8_t *p, size_t n)
{
	uint8_t all = 0;

	for (size_t i = 0; i < n; i++)
		all |= p[i];
	return all == 0;
}

/* The checksum lies in the page itself and counts as zeros. A page never written has none. */
static bool checksum_good(const struct pages *p, uint8_t *page)
{
	uint8_t kept[4];
	bool good;

	memcpy(kept, page + 28, 4);
	if (zero(page, HEADER_CHKSUM))
		return true;
	memset(page + 28, 0, 4);
	good = sum33(page, p->size) == page_u32(kept);
	memcpy(page + 28, kept, 4);
	return good;
}

static bool meta_good(uint8_t meta[META_BYTES])
{
	uint8_t kept[20];

	memcpy(kept, meta + META_BYTES - 20, 20);
	memset(meta + META_BYTES - 20, 0, 20);
	return sum33(meta, META_BYTES) == page_u32(kept);
}

static uint32_t key_hash(struct str key)
{
	uint32_t h = 0;

	for (size_t i = 0; i < key.n; i++)
		h = h * 16777619u ^ (uint8_t)key.p[i];
	return h;
}

/* --- items ----------------------------------------------------------------------------------- */

static unsigned entries(const struct bdb *d, const uint8_t *page)
{
	unsigned n = page_u16(page + AT_ENTRIES);

	return n * 2 + d->header <= d->pages.size ? n : 0;
}

static uint32_t offset(const struct bdb *d, const uint8_t *page, unsigned i)
{
	return page_u16(page + d->header + 2 * i);
}

static int bad(struct bdb *d, const char *what)
{
	return pages_fault(&d->pages, "damaged: %s", what);
}

static int away(struct bdb *d, const uint8_t *p, struct item *out)
{
	*out = (struct item){ .away = true, .page = page_u32(p + 4), .total = page_u32(p + 8) };
	return out->total <= TABLE_VALUE_MAX ? 0 : bad(d, "an item is too long");
}

/* Items of a hash page lie from its end downwards, each up to the one before. */
static int hash_item(struct bdb *d, const uint8_t *page, unsigned i, struct item *out)
{
	uint32_t at = offset(d, page, i), end = i == 0 ? d->pages.size : offset(d, page, i - 1);

	if (at < d->header || end <= at || end > d->pages.size)
		return bad(d, "an item lies outside of its page");
	switch (page[at]) {
	case H_KEYDATA:
		*out = (struct item){ .here = { (const char *)page + at + 1, end - at - 1 } };
		return 0;
	case H_OFFPAGE:
		return end - at >= 12 ? away(d, page + at, out) : bad(d, "an item is cut short");
	default:
		return bad(d, "an item of unknown kind");
	}
}

/* Items of a btree leaf carry their length. *deleted may be NULL. */
static int leaf_item(
    struct bdb *d, const uint8_t *page, unsigned i, struct item *out, bool *deleted)
{
	uint32_t at = offset(d, page, i), length;
	uint8_t kind;

	if (at < d->header || at + 3 > d->pages.size)
		return bad(d, "an item lies outside of its page");
	length = page_u16(page + at);
	kind = page[at + 2] & (uint8_t)~B_DELETED;
	if (deleted != NULL)
		*deleted = (page[at + 2] & B_DELETED) != 0;
	if (kind == B_OVERFLOW)
		return at + 12 <= d->pages.size ? away(d, page + at, out)
						: bad(d, "an item is cut short");
	if (kind != B_KEYDATA)
		return bad(d, "an item of unknown kind");
	if (at + 3 + length > d->pages.size)
		return bad(d, "an item lies outside of its page");
	*out = (struct item){ .here = { (const char *)page + at + 3, length } };
	return 0;
}

/* A separator of an internal page and the page below it. */
static int inner_item(
    struct bdb *d, const uint8_t *page, unsigned i, struct item *out, uint32_t *child)
{
	uint32_t at = offset(d, page, i), length;

	if (at < d->header || at + 12 > d->pages.size)
		return bad(d, "an item lies outside of its page");
	length = page_u16(page + at);
	*child = page_u32(page + at + 4);
	if (at + 12 + length > d->pages.size)
		return bad(d, "an item lies outside of its page");
	if ((page[at + 2] & (uint8_t)~B_DELETED) == B_OVERFLOW)
		return length >= 12 ? away(d, page + at + 12, out) : bad(d, "an item is cut short");
	*out = (struct item){ .here = { (const char *)page + at + 12, length } };
	return 0;
}

/* The bytes of an item, in a. */
static int item_bytes(struct bdb *d, const struct item *it, struct arena *a, struct str *out)
{
	uint8_t *page;
	uint32_t done = 0, number = it->page, n;
	char *z;

	if (!it->away) {
		*out = arena_str(a, it->here);
		return 0;
	}
	z = arena_alloc(a, it->total + 1);
	page = xmalloc(d->pages.size);
	while (done < it->total) {
		if (pages_read(&d->pages, number, d->pages.size, page) == -1)
			goto fail;
		n = page_u16(page + AT_OFFSET);
		if ((d->checksums && !checksum_good(&d->pages, page)) ||
		    page[AT_TYPE] != P_OVERFLOW || n == 0 || n > d->pages.size - d->header ||
		    n > it->total - done) {
			bad(d, "a broken chain of overflow pages");
			goto fail;
		}
		memcpy(z + done, page + d->header, n);
		done += n;
		number = page_u32(page + AT_NEXT);
	}
	free(page);
	*out = (struct str){ z, it->total };
	return 0;
fail:
	free(page);
	return -1;
}

/* As str_cmp(item, key): shorter first. 2 on a fault. */
static int item_order(struct bdb *d, const struct item *it, struct str key, struct arena *a)
{
	struct str bytes;
	int c;

	if (it->away && item_bytes(d, it, a, &bytes) == -1)
		return 2;
	c = str_cmp(it->away ? bytes : it->here, key);
	return (c > 0) - (c < 0);
}

/* --- looking up ------------------------------------------------------------------------------ */

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
	struct item it;

	if (bucket > d->max_bucket)
		bucket &= d->low_mask;
	number = bucket_page(d, bucket);
	for (uint64_t steps = 0; steps <= d->pages.count; steps++) {
		page = pages_get(&d->pages, number);
		if (page == NULL)
			return -1;
		if (page[AT_TYPE] == P_NONE && zero(page, d->header))
			return 0; /* allocated with its neighbours and never used */
		if (page[AT_TYPE] != P_HASH && page[AT_TYPE] != P_HASH_UNSORTED)
			return bad(d, "a page of another kind in a bucket");
		for (unsigned i = 0, n = entries(d, page); i + 1 < n; i += 2) {
			if (hash_item(d, page, i, &it) == -1)
				return -1;
			if (it.away ? it.total != key.n : it.here.n != key.n)
				continue;
			switch (item_order(d, &it, key, a)) {
			case 2:
				return -1;
			case 0:
				if (hash_item(d, page, i + 1, &it) == -1)
					return -1;
				return item_bytes(d, &it, a, value) == -1 ? -1 : 1;
			}
		}
		number = page_u32(page + AT_NEXT);
		if (number == 0)
			return 0;
	}
	return bad(d, "a bucket runs in a circle");
}

/* The page below that holds key: the last separator that is not behind it; the first counts as
 * lowest. */
static int inner_child(
    struct bdb *d, const uint8_t *page, struct str key, struct arena *a, uint32_t *child)
{
	unsigned low = 1, high = entries(d, page);
	struct item it;
	uint32_t at;

	if (high == 0)
		return bad(d, "an empty inner page");
	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (inner_item(d, page, mid, &it, &at) == -1)
			return -1;
		switch (item_order(d, &it, key, a)) {
		case 2:
			return -1;
		case 1:
			high = mid;
			break;
		default:
			low = mid + 1;
		}
	}
	return inner_item(d, page, low - 1, &it, child);
}

static int leaf_find(
    struct bdb *d, const uint8_t *page, struct str key, struct arena *a, struct str *value)
{
	unsigned low = 0, high = entries(d, page) / 2;
	struct item it;
	bool deleted;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (leaf_item(d, page, 2 * mid, &it, NULL) == -1)
			return -1;
		switch (item_order(d, &it, key, a)) {
		case 2:
			return -1;
		case -1:
			low = mid + 1;
			break;
		case 1:
			high = mid;
			break;
		default:
			if (leaf_item(d, page, 2 * mid + 1, &it, &deleted) == -1)
				return -1;
			if (deleted)
				return 0;
			return item_bytes(d, &it, a, value) == -1 ? -1 : 1;
		}
	}
	return 0;
}

static int btree_find(struct bdb *d, struct str key, struct arena *a, struct str *value)
{
	uint32_t number = d->root;

	for (int depth = 0; depth < PAGES_DEPTH; depth++) {
		const uint8_t *page = pages_get(&d->pages, number);

		if (page == NULL)
			return -1;
		if (page_u32(page + AT_PGNO) != number)
			return bad(d, "a page at the wrong place");
		if (page[AT_TYPE] == P_LBTREE)
			return leaf_find(d, page, key, a, value);
		if (page[AT_TYPE] != P_IBTREE)
			return bad(d, "a page of another kind in the tree");
		if (inner_child(d, page, key, a, &number) == -1)
			return -1;
	}
	return bad(d, "the tree is too deep");
}

static enum table_result lookup(
    struct table *t, struct str key, struct arena *a, struct table_answer *out)
{
	struct bdb *d = t->content;
	struct str stored = key, value;
	int r;

	/* arena_z() puts the NUL there */
	if (d->ends_nul)
		stored = (struct str){ arena_z(a, key), key.n + 1 };
	r = d->hash ? hash_find(d, stored, a, &value) : btree_find(d, stored, a, &value);
	if (r == 0)
		return TABLE_NONE;
	if (r == -1)
		return table_fail(a, out, str_of(t->spec), "%s: %s", t->path, d->pages.why);
	return table_db_value(t, key, value, a, out);
}

/* --- listing --------------------------------------------------------------------------------- */

struct listing {
	struct table *t;
	struct arena arena;
	table_each_fn *fn;
	void *arg;
};

static int list_page(struct listing *l, const uint8_t *page)
{
	struct bdb *d = l->t->content;
	unsigned n = entries(d, page);
	struct item k, v;
	struct str key, value;
	bool deleted;
	int r = 0;

	for (unsigned i = 0; i + 1 < n && r == 0; i += 2) {
		deleted = false;
		arena_reset(&l->arena);
		if (d->hash ? hash_item(d, page, i, &k) == -1 || hash_item(d, page, i + 1, &v) == -1
			    : leaf_item(d, page, i, &k, NULL) == -1 ||
				  leaf_item(d, page, i + 1, &v, &deleted) == -1)
			return -1;
		if (deleted)
			continue;
		if (item_bytes(d, &k, &l->arena, &key) == -1 ||
		    item_bytes(d, &v, &l->arena, &value) == -1)
			return -1;
		if (d->ends_nul)
			key.n -= key.n > 0 && key.p[key.n - 1] == '\0';
		value.n -= value.n > 0 && value.p[value.n - 1] == '\0';
		r = l->fn(l->arg, key, value);
	}
	return r;
}

/* The page with the lowest keys. */
static int first_leaf(struct bdb *d, uint32_t *number)
{
	struct item it;

	*number = d->root;
	for (int depth = 0; depth < PAGES_DEPTH; depth++) {
		const uint8_t *page = pages_get(&d->pages, *number);

		if (page == NULL)
			return -1;
		if (page[AT_TYPE] == P_LBTREE)
			return 0;
		if (page[AT_TYPE] != P_IBTREE || entries(d, page) == 0)
			return bad(d, "a page of another kind in the tree");
		if (inner_item(d, page, 0, &it, number) == -1)
			return -1;
	}
	return bad(d, "the tree is too deep");
}

/* Calls list_page() for a chain of pages; copies each, as a page may push another out of the cache.
 */
static int list_chain(struct listing *l, uint32_t number, uint8_t *copy)
{
	struct bdb *d = l->t->content;
	int r;

	for (uint64_t steps = 0; steps <= d->pages.count; steps++) {
		const uint8_t *page = pages_get(&d->pages, number);

		if (page == NULL)
			return -1;
		memcpy(copy, page, d->pages.size);
		if (copy[AT_TYPE] == P_NONE && zero(copy, d->header))
			return 0;
		if (copy[AT_TYPE] != P_HASH && copy[AT_TYPE] != P_HASH_UNSORTED &&
		    copy[AT_TYPE] != P_LBTREE)
			return bad(d, "a page of another kind among the entries");
		r = list_page(l, copy);
		number = page_u32(copy + AT_NEXT);
		if (r != 0 || number == 0)
			return r;
	}
	return bad(d, "a chain of pages runs in a circle");
}

static int each(struct table *t, table_each_fn *fn, void *arg, char *why)
{
	struct bdb *d = t->content;
	struct listing l = { .t = t, .fn = fn, .arg = arg };
	uint8_t *copy = xmalloc(d->pages.size);
	uint32_t leaf;
	int r = 0;

	arena_init(&l.arena);
	d->pages.why[0] = '\0';
	if (d->hash) {
		for (uint32_t b = 0; b <= d->max_bucket && r == 0; b++)
			r = list_chain(&l, bucket_page(d, b), copy);
	} else {
		r = first_leaf(d, &leaf);
		if (r == 0)
			r = list_chain(&l, leaf, copy);
	}
	if (r == -1)
		table_why(why, "%s: %s", t->path, d->pages.why);
	arena_clear(&l.arena);
	free(copy);
	return r;
}

/* --- opening --------------------------------------------------------------------------------- */

static void unload(void *content)
{
	struct bdb *d = content;

	close(d->pages.fd);
	pages_clear(&d->pages);
	free(d);
}

static int read_meta(struct bdb *d, int fd, char *why)
{
	uint8_t m[META_BYTES];
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
	if (d->checksums && !meta_good(m))
		return table_why(why, "damaged: wrong checksum in the first page");
	if (pages_init(&d->pages, fd, version) == -1)
		return table_why(why, "%s", d->pages.why);
	if (d->hash && d->max_bucket >= d->pages.count)
		return table_why(why, "damaged: more buckets than pages");
	d->pages.check = d->checksums ? checksum_good : NULL;
	return 0;
}

/* Postfix ends its keys with a NUL, others do not; one file is all of one kind: the first key
 * tells. */
static int probe(void *arg, struct str key, struct str value)
{
	bool *ends_nul = arg;

	(void)value;
	*ends_nul = key.n > 0 && key.p[key.n - 1] == '\0';
	return 1;
}

static void *load(struct table *t, int fd, bool hash, char *why)
{
	struct bdb *d = xcalloc(1, sizeof *d);
	char fault[TABLE_WHY];
	void *before = t->content;
	bool ends_nul = false;
	int r;

	d->hash = hash;
	if (read_meta(d, fd, fault) == -1) {
		table_why(why, "%s: %.200s", t->path, fault);
	} else {
		t->content = d;
		r = each(t, probe, &ends_nul, why);
		t->content = before;
		d->ends_nul = ends_nul;
		if (r != -1)
			return d;
	}
	pages_clear(&d->pages);
	free(d);
	return NULL;
}

static void *hash_load(struct table *t, struct str text, int fd, char *why)
{
	(void)text;
	return load(t, fd, true, why);
}

static void *btree_load(struct table *t, struct str text, int fd, char *why)
{
	(void)text;
	return load(t, fd, false, why);
}

const struct table_type table_hash = { .name = "hash",
	.source = SOURCE_DB,
	.suffix = ".db",
	.fold = true,
	.load = hash_load,
	.unload = unload,
	.lookup = lookup,
	.each = each };
const struct table_type table_btree = { .name = "btree",
	.source = SOURCE_DB,
	.suffix = ".db",
	.fold = true,
	.load = btree_load,
	.unload = unload,
	.lookup = lookup,
	.each = each };
