/* Pages of Berkeley DB files and what lies in them. See bdb_item.h. */
#include "table/bdb_item.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum {
	/* kinds of items */
	H_KEYDATA = 1,
	H_OFFPAGE = 3,
	B_KEYDATA = 1,
	B_OVERFLOW = 3,
	B_DELETED = 0x80,

	AT_OFFSET = 22, /* of an overflow page: bytes of data in it */
	AT_SUM = 28,
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

bool bdb_zero(const uint8_t *p, size_t n)
{
	uint8_t all = 0;

	for (size_t i = 0; i < n; i++)
		all |= p[i];
	return all == 0;
}

/* The checksum lies in the page itself and counts as zeros. A page never written has none. */
bool bdb_checksum_good(const struct pages *p, uint8_t *page)
{
	uint8_t kept[4];
	bool good;

	memcpy(kept, page + AT_SUM, 4);
	if (bdb_zero(page, HEADER_CHKSUM))
		return true;
	memset(page + AT_SUM, 0, 4);
	good = sum33(page, p->size) == page_u32(kept);
	memcpy(page + AT_SUM, kept, 4);
	return good;
}

bool bdb_meta_good(uint8_t meta[BDB_META])
{
	uint8_t kept[20];

	memcpy(kept, meta + BDB_META - 20, 20);
	memset(meta + BDB_META - 20, 0, 20);
	return sum33(meta, BDB_META) == page_u32(kept);
}

/* --- items ----------------------------------------------------------------------------------- */

unsigned bdb_entries(const struct bdb *d, const uint8_t *page)
{
	unsigned n = page_u16(page + AT_ENTRIES);

	return n * 2 + d->header <= d->file.pages.size ? n : 0;
}

static uint32_t offset(const struct bdb *d, const uint8_t *page, unsigned i)
{
	return page_u16(page + d->header + 2 * i);
}

static int away(struct bdb *d, const uint8_t *p, struct bdb_item *out)
{
	*out = (struct bdb_item){ .away = true, .page = page_u32(p + 4), .total = page_u32(p + 8) };
	return out->total <= TABLE_VALUE_MAX ? 0 : db_bad(&d->file, "an item is too long");
}

/* Items of a hash page lie from its end downwards, each up to the one before. */
int bdb_hash_item(struct bdb *d, const uint8_t *page, unsigned i, struct bdb_item *out)
{
	uint32_t at = offset(d, page, i),
		 end = i == 0 ? d->file.pages.size : offset(d, page, i - 1);

	if (at < d->header || end <= at || end > d->file.pages.size)
		return db_bad(&d->file, "an item lies outside of its page");
	switch (page[at]) {
	case H_KEYDATA:
		*out = (struct bdb_item){ .here = { (const char *)page + at + 1, end - at - 1 } };
		return 0;
	case H_OFFPAGE:
		return end - at >= 12 ? away(d, page + at, out)
				      : db_bad(&d->file, "an item is cut short");
	default:
		return db_bad(&d->file, "an item of unknown kind");
	}
}

/* Items of a btree leaf carry their length. *deleted may be NULL. */
int bdb_leaf_item(
    struct bdb *d, const uint8_t *page, unsigned i, struct bdb_item *out, bool *deleted)
{
	uint32_t at = offset(d, page, i), length;
	uint8_t kind;

	if (at < d->header || at + 3 > d->file.pages.size)
		return db_bad(&d->file, "an item lies outside of its page");
	length = page_u16(page + at);
	kind = page[at + 2] & (uint8_t)~B_DELETED;
	if (deleted != NULL)
		*deleted = (page[at + 2] & B_DELETED) != 0;
	if (kind == B_OVERFLOW)
		return at + 12 <= d->file.pages.size ? away(d, page + at, out)
						     : db_bad(&d->file, "an item is cut short");
	if (kind != B_KEYDATA)
		return db_bad(&d->file, "an item of unknown kind");
	if (at + 3 + length > d->file.pages.size)
		return db_bad(&d->file, "an item lies outside of its page");
	*out = (struct bdb_item){ .here = { (const char *)page + at + 3, length } };
	return 0;
}

/* A separator of an internal page and the page below it. */
int bdb_inner_item(
    struct bdb *d, const uint8_t *page, unsigned i, struct bdb_item *out, uint32_t *child)
{
	uint32_t at = offset(d, page, i), length;

	if (at < d->header || at + 12 > d->file.pages.size)
		return db_bad(&d->file, "an item lies outside of its page");
	length = page_u16(page + at);
	*child = page_u32(page + at + 4);
	if (at + 12 + length > d->file.pages.size)
		return db_bad(&d->file, "an item lies outside of its page");
	if ((page[at + 2] & (uint8_t)~B_DELETED) == B_OVERFLOW)
		return length >= 12 ? away(d, page + at + 12, out)
				    : db_bad(&d->file, "an item is cut short");
	*out = (struct bdb_item){ .here = { (const char *)page + at + 12, length } };
	return 0;
}

/* The bytes of an item, in a. */
int bdb_item_bytes(struct bdb *d, const struct bdb_item *it, struct arena *a, struct str *out)
{
	uint8_t *page;
	uint32_t done = 0, number = it->page, n;
	char *z;

	if (!it->away) {
		*out = arena_str(a, it->here);
		return 0;
	}
	z = arena_alloc(a, it->total + 1);
	page = xmalloc(d->file.pages.size);
	while (done < it->total) {
		if (pages_read(&d->file.pages, number, d->file.pages.size, page) == -1)
			goto fail;
		n = page_u16(page + AT_OFFSET);
		if ((d->checksums && !bdb_checksum_good(&d->file.pages, page)) ||
		    page[AT_TYPE] != P_OVERFLOW || n == 0 || n > d->file.pages.size - d->header ||
		    n > it->total - done) {
			db_bad(&d->file, "a broken chain of overflow pages");
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
int bdb_item_order(struct bdb *d, const struct bdb_item *it, struct str key, struct arena *a)
{
	struct str bytes;
	int c;

	if (it->away && bdb_item_bytes(d, it, a, &bytes) == -1)
		return 2;
	c = str_cmp(it->away ? bytes : it->here, key);
	return (c > 0) - (c < 0);
}
