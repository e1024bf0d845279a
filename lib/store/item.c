/*
 * Cached items: ENVELOPE, BODYSTRUCTURE and so on, as the caller has made them. Reading moves a
 * cursor along with ascending messages; writing is put off until there is a megabyte of them.
 */
#include "store/view.h"

#include <string.h>

enum { PENDING_MAX = 1024 * 1024 };

/* In s->pending, followed by its bytes. */
struct pending {
	uint64_t key;
	uint32_t item, n;
};

void item_init(struct store *s)
{
	buf_init(&s->pending, PENDING_MAX + STORE_CACHE_MAX + sizeof(struct pending));
}

/* --- reading --------------------------------------------------------------------------------- */

static int seek(struct store *s, unsigned item, uint64_t key, MDB_cursor_op op, MDB_val *v)
{
	struct item_pos *p = &s->item[item];
	MDB_val k = { sizeof key, &key };
	int rc = mdb_cursor_get(p->cursor, &k, v, op);

	p->at = 0;
	if (rc == 0 && k.mv_size == sizeof p->at)
		memcpy(&p->at, k.mv_data, sizeof p->at);
	else if (rc == MDB_NOTFOUND)
		p->at = UINT64_MAX; /* behind the last one */
	return rc;
}

static int cursor_ready(struct store *s, unsigned item)
{
	struct item_pos *p = &s->item[item];

	if (p->cursor == NULL)
		return mdb_cursor_open(s->read, s->dbi[DBI_ITEMS + item], &p->cursor);
	return p->at == 0 ? mdb_cursor_renew(s->read, p->cursor) : 0;
}

/* Puts the cursor on key, or finds out that there is none. */
static bool find(struct store *s, unsigned item, uint64_t key, MDB_val *v)
{
	struct item_pos *p = &s->item[item];
	bool onward = p->at != 0 && p->asked != 0 && key > p->asked;
	int rc = cursor_ready(s, item);

	p->asked = key;
	if (rc != 0)
		return false;
	if (onward && p->at < key)
		rc = seek(s, item, key, MDB_NEXT, v);
	else if (onward && p->at == key)
		rc = seek(s, item, key, MDB_GET_CURRENT, v);
	else if (onward)
		return false; /* the cursor is beyond: there is none between */
	if (!onward || (rc == 0 && p->at < key))
		rc = seek(s, item, key, MDB_SET_RANGE, v);
	if (rc != 0 && rc != MDB_NOTFOUND)
		index_error(s, rc);
	return rc == 0 && p->at == key;
}

bool store_item_get(struct store_view *pub, uint32_t idx, enum store_item item, struct str *out)
{
	struct view *v = view_of(pub);
	struct store *s = pub->store;
	MDB_val val;

	if (index_read(s) != STORE_OK || v->epoch != s->epoch)
		return false;
	if (!find(s, item, msg_key(v->box.head.id, v->msgs[idx].uid), &val))
		return false;
	*out = str_bytes(val.mv_data, val.mv_size);
	return true;
}

/* --- writing --------------------------------------------------------------------------------- */

void store_item_put(struct store_view *pub, uint32_t idx, enum store_item item, struct str bytes)
{
	struct view *v = view_of(pub);
	struct store *s = pub->store;
	struct pending p = { msg_key(v->box.head.id, v->msgs[idx].uid), item, (uint32_t)bytes.n };

	if (bytes.n > STORE_CACHE_MAX)
		return;
	if (s->pending.n > PENDING_MAX)
		store_item_flush(pub);
	if (s->pending_epoch != v->epoch)
		buf_reset(&s->pending);
	s->pending_epoch = v->epoch;
	buf_put(&s->pending, &p, sizeof p);
	buf_str(&s->pending, bytes);
}

/* Only for messages that are still there: nobody would ever delete it again. */
static int write_pending(struct store *s)
{
	struct str rest = buf_view(&s->pending);
	struct pending p;
	int rc = 0;

	while (rest.n >= sizeof p && rc == 0) {
		struct str name;

		memcpy(&p, rest.p, sizeof p);
		rest = str_skip(rest, sizeof p);
		rc = index_get(s, DBI_FILES, &p.key, sizeof p.key, &name);
		if (rc == 0)
			rc = index_put(s, DBI_ITEMS + p.item, &p.key, sizeof p.key, rest.p, p.n);
		else if (rc == MDB_NOTFOUND)
			rc = 0;
		rest = str_skip(rest, p.n);
	}
	return rc;
}

void store_item_flush(struct store_view *pub)
{
	struct store *s = pub->store;

	if (s->pending.n == 0)
		return;
	index_rest(s);
	if (index_write(s, s->pending.n * 3) == STORE_OK) {
		int rc = s->pending_epoch == s->epoch ? write_pending(s) : 0;

		index_end(s, index_error(s, rc), false);
	}
	buf_reset(&s->pending);
}

int item_copy(struct store *s, uint64_t from, uint64_t to)
{
	struct str v;
	int rc = 0;

	for (unsigned i = 0; i < STORE_ITEMS && rc == 0; i++) {
		MDB_val k = { sizeof to, &to }, out;

		rc = index_get(s, DBI_ITEMS + i, &from, sizeof from, &v);
		if (rc == MDB_NOTFOUND) {
			rc = 0;
			continue;
		}
		/* the source may move while room is made: reserve, then look again */
		out = (MDB_val){ v.n, NULL };
		if (rc == 0)
			rc = mdb_put(s->write, s->dbi[DBI_ITEMS + i], &k, &out, MDB_RESERVE);
		if (rc == 0)
			rc = index_get(s, DBI_ITEMS + i, &from, sizeof from, &v);
		if (rc == 0)
			memcpy(out.mv_data, v.p, v.n);
	}
	return rc;
}
