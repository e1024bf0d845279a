/*
 * lmdb: tables: LMDB 0.9 files (no sub-directory, main database), read without the library, its
 * lock file and its map (pages.h says why). The newer of the two meta pages counts. 64-bit
 * little-endian.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "table/dbfile.h"

enum {
	HEADER = 16, /* of a page */
	AT_FLAGS = 10,
	AT_LOWER = 12,
	AT_UPPER = 14,
	P_BRANCH = 1,
	P_LEAF = 2,
	P_OVERFLOW = 4,
	P_META = 8,

	NODE = 8, /* header of a node */
	NODE_BIG = 1,
	NODE_KNOWN = NODE_BIG, /* no sub-databases, no duplicates */

	/* in a meta page */
	META_BYTES = HEADER + 136,
	AT_MAGIC = HEADER,
	AT_VERSION = HEADER + 4,
	AT_PAGE_SIZE = HEADER + 24, /* md_pad of the free list */
	AT_MAIN_FLAGS = HEADER + 24 + 48 + 4,
	AT_ROOT = HEADER + 24 + 48 + 40,
	AT_TXN = HEADER + 24 + 96 + 8,
	MAGIC = (int)0xbeefc0de,
	VERSION = 1,
};
static const uint64_t no_root = UINT64_MAX;

struct lmdb {
	struct dbfile file; /* first */
	uint64_t root;
};

struct node {
	struct str key, data; /* data of a leaf, in the page */
	uint64_t child; /* of a branch */
	bool big;
	uint64_t page; /* where big data lies */
	uint32_t total;
};

static unsigned nodes(const struct lmdb *d, const uint8_t *page)
{
	unsigned lower = page_u16(page + AT_LOWER);

	return lower >= HEADER && lower <= d->file.pages.size ? (lower - HEADER) / 2 : 0;
}

static int node_at(struct lmdb *d, const uint8_t *page, unsigned i, struct node *out)
{
	uint32_t at = page_u16(page + HEADER + 2 * i), key, left;
	const uint8_t *p = page + at;

	if (at < HEADER || at + NODE > d->file.pages.size)
		return db_bad(&d->file, "a node lies outside of its page");
	key = page_u16(p + 6);
	left = d->file.pages.size - at - NODE;
	if (key > left)
		return db_bad(&d->file, "a key lies outside of its page");
	*out = (struct node){ .key = { (const char *)p + NODE, key } };
	if ((page_u16(page + AT_FLAGS) & P_BRANCH) != 0) {
		out->child = page_u32(p) | (uint64_t)page_u16(p + 4) << 32;
		return 0;
	}
	out->total = page_u32(p);
	left -= key;
	if ((page_u16(p + 4) & ~NODE_KNOWN) != 0)
		return db_bad(&d->file, "a node of unknown kind");
	if (page_u16(p + 4) == NODE_BIG) {
		if (left < 8 || out->total > TABLE_VALUE_MAX)
			return db_bad(&d->file, "a value is too long");
		out->big = true;
		out->page = page_u64(p + NODE + key);
	} else if (out->total > left) {
		return db_bad(&d->file, "a value lies outside of its page");
	} else {
		out->data = (struct str){ (const char *)p + NODE + key, out->total };
	}
	return 0;
}

static int node_value(struct lmdb *d, const struct node *n, struct arena *a, struct str *out)
{
	uint8_t *space;

	if (!n->big) {
		*out = arena_str(a, n->data);
		return 0;
	}
	space = arena_alloc(a, HEADER + n->total + 1);
	if (pages_read(&d->file.pages, n->page, HEADER + (uint64_t)n->total, space) == -1)
		return -1;
	if ((page_u16(space + AT_FLAGS) & P_OVERFLOW) == 0 || page_u64(space) != n->page)
		return db_bad(&d->file, "a value that is not where it should be");
	*out = (struct str){ (const char *)space + HEADER, n->total };
	return 0;
}

/* A branch or leaf page. */
static const uint8_t *tree_page(struct lmdb *d, uint64_t number, bool *leaf)
{
	const uint8_t *page = pages_get(&d->file.pages, number);
	unsigned kind;

	if (page == NULL)
		return NULL;
	kind = page_u16(page + AT_FLAGS) & (P_BRANCH | P_LEAF | P_OVERFLOW | P_META);
	*leaf = kind == P_LEAF;
	if ((kind != P_LEAF && kind != P_BRANCH) || page_u64(page) != number) {
		db_bad(&d->file, "a page of another kind in the tree");
		return NULL;
	}
	return page;
}

/*
 * Binary search from node `low`: *at is the first node whose key is not before key. 1 if that is
 * key itself, 0, or -1.
 */
static int search(struct lmdb *d, const uint8_t *page, unsigned low, struct str key, unsigned *at)
{
	unsigned high = nodes(d, page);
	struct node n;

	while (low < high) {
		unsigned mid = (low + high) / 2;
		int c;

		if (node_at(d, page, mid, &n) == -1)
			return -1;
		c = str_cmp(n.key, key);
		if (c == 0) {
			*at = mid;
			return 1;
		}
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*at = low;
	return 0;
}

/* 1 with the value, 0, or -1. */
static int find(struct dbfile *f, struct str key, struct arena *a, struct str *value)
{
	struct lmdb *d = (struct lmdb *)f;
	uint64_t number = d->root;
	struct node n;
	unsigned at;
	bool leaf;
	int r;

	if (number == no_root)
		return 0;
	for (int depth = 0; depth < PAGES_DEPTH; depth++) {
		const uint8_t *page = tree_page(d, number, &leaf);

		if (page == NULL)
			return -1;
		r = search(d, page, leaf ? 0 : 1, key, &at);
		if (r == -1 || (leaf && r == 0))
			return r;
		if (!leaf && r == 0)
			at--; /* the first key of a branch is empty and counts as lowest */
		if (at >= nodes(d, page))
			return db_bad(&d->file, "an empty page in the tree");
		if (node_at(d, page, at, &n) == -1)
			return -1;
		if (leaf)
			return node_value(d, &n, a, value) == -1 ? -1 : 1;
		number = n.child;
	}
	return db_bad(&d->file, "the tree is too deep");
}

/* --- listing --------------------------------------------------------------------------------- */

struct walk {
	struct lmdb *d;
	struct db_listing *l;
	uint64_t visited; /* pages: more than the file has means a circle */
};

static int list_node(struct walk *w, const struct node *n)
{
	struct str value;

	arena_reset(&w->l->arena);
	if (node_value(w->d, n, &w->l->arena, &value) == -1)
		return -1;
	return db_list(w->l, n->key, value);
}

static int list(struct walk *w, uint64_t number, unsigned depth)
{
	struct lmdb *d = w->d;
	uint8_t *copy;
	const uint8_t *page;
	struct node n;
	bool leaf;
	int r = 0;

	if (depth > PAGES_DEPTH || ++w->visited > d->file.pages.count)
		return db_bad(&d->file, "the tree runs in a circle");
	page = tree_page(d, number, &leaf);
	if (page == NULL)
		return -1;
	copy = xmalloc(d->file.pages.size); /* pages below may push this one out of the cache */
	memcpy(copy, page, d->file.pages.size);
	for (unsigned i = 0; i < nodes(d, copy) && r == 0; i++) {
		r = node_at(d, copy, i, &n);
		if (r == 0)
			r = leaf ? list_node(w, &n) : list(w, n.child, depth + 1);
	}
	free(copy);
	return r;
}

static int each(struct dbfile *f, struct db_listing *l)
{
	struct walk w = { .d = (struct lmdb *)f, .l = l };

	return w.d->root == no_root ? 0 : list(&w, w.d->root, 0);
}

/* --- opening --------------------------------------------------------------------------------- */

static bool meta_good(const uint8_t *m)
{
	return page_u32(m + AT_MAGIC) == (uint32_t)MAGIC && page_u32(m + AT_VERSION) == VERSION &&
	       (page_u16(m + AT_FLAGS) & P_META) != 0;
}

static int read_meta(struct dbfile *f, int fd, char *why)
{
	struct lmdb *d = (struct lmdb *)f;
	uint8_t one[META_BYTES], two[META_BYTES], *m = one;
	uint32_t size;

	if (pread(fd, one, sizeof one, 0) != (ssize_t)sizeof one || !meta_good(one))
		return table_why(why, "is no LMDB file, or damaged");
	size = page_u32(one + AT_PAGE_SIZE);
	if (pages_init(&d->file.pages, fd, size) == -1)
		return table_why(why, "%s", d->file.pages.why);
	if (pread(fd, two, sizeof two, size) != (ssize_t)sizeof two || !meta_good(two))
		return table_why(why, "damaged: the second meta page");
	if (page_u64(two + AT_TXN) > page_u64(one + AT_TXN))
		m = two;
	if ((page_u16(m + AT_MAIN_FLAGS) & 0xff) != 0)
		return table_why(why, "is ordered in an unknown way or has duplicate keys");
	d->root = page_u64(m + AT_ROOT);
	return 0;
}

static const struct db_format format = { sizeof(struct lmdb), read_meta, find, each };

static void *load(struct table *t, struct str text, int fd, char *why)
{
	(void)text;
	return db_load(t, fd, &format, why);
}

const struct table_type table_lmdb = { .name = "lmdb",
	.source = SOURCE_DB,
	.suffix = ".lmdb",
	.fold = true,
	.load = load,
	.unload = db_unload,
	.lookup = db_lookup,
	.each = db_each };
