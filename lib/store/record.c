/*
 * Records of messages, 102 to a chunk that fills one page of the index, in order of UIDs. Loading
 * 100,000 of them is 1,000 copies of 4 KB: 0.5 ms, against 2.8 ms as one node each (measured).
 * The key of a chunk is the UID it began with when made; it holds UIDs from there up to the next
 * chunk. Chunks that have lost records are not merged: an empty one goes.
 */
#include "store/internal.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

_Static_assert(sizeof(struct store_msg) == 40, "a record is 40 bytes on disk");

void record_begin(struct record_walk *w, struct store *s, uint32_t box)
{
	w->s = s;
	w->box = box;
	w->loaded = w->dirty = w->tail = false;
	w->n = 0;
	w->cursor = NULL;
	w->rc = mdb_cursor_open(s->write, s->dbi[DBI_RECS], &w->cursor);
}

static void fail(struct record_walk *w, int rc)
{
	if (w->rc == 0)
		w->rc = rc;
}

static void flush(struct record_walk *w)
{
	int rc = 0;

	if (!w->dirty || w->rc != 0)
		return;
	if (w->n == 0)
		rc = index_del(w->s, DBI_RECS, &w->key, sizeof w->key);
	else
		rc = index_put(w->s, DBI_RECS, &w->key, sizeof w->key, w->m, w->n * sizeof w->m[0]);
	if (w->n == 0)
		w->loaded = false;
	w->dirty = false;
	fail(w, rc);
}

/* Copies in the chunk under the cursor. False if that is another mailbox's. */
static bool take(struct record_walk *w, const MDB_val *k, const MDB_val *v)
{
	uint64_t key;

	if (k->mv_size != sizeof key) {
		fail(w, MDB_CORRUPTED);
		return false;
	}
	memcpy(&key, k->mv_data, sizeof key);
	if (key >> 32 != w->box)
		return false;
	if (v->mv_size == 0 || v->mv_size % sizeof w->m[0] != 0 || v->mv_size > sizeof w->m) {
		fail(w, MDB_CORRUPTED);
		return false;
	}
	memcpy(w->m, v->mv_data, v->mv_size);
	w->n = (uint32_t)(v->mv_size / sizeof w->m[0]);
	w->key = key;
	w->loaded = true;
	return true;
}

/* Loads the chunk in which uid is or would be: the last one that does not begin above it. */
static bool load(struct record_walk *w, uint32_t uid)
{
	uint64_t want = msg_key(w->box, uid), got;
	MDB_val k = { sizeof want, &want }, v;
	int rc;

	flush(w);
	w->loaded = w->tail = false;
	if (w->rc != 0)
		return false;
	rc = mdb_cursor_get(w->cursor, &k, &v, MDB_SET_RANGE);
	if (rc == 0 && k.mv_size == sizeof got) {
		memcpy(&got, k.mv_data, sizeof got);
		if (got == want)
			return take(w, &k, &v);
	}
	if (rc == 0)
		rc = mdb_cursor_get(w->cursor, &k, &v, MDB_PREV);
	else if (rc == MDB_NOTFOUND)
		rc = mdb_cursor_get(w->cursor, &k, &v, MDB_LAST);
	if (rc != 0 && rc != MDB_NOTFOUND)
		fail(w, rc);
	return rc == 0 && take(w, &k, &v);
}

/* Loads the first chunk that begins above uid. */
static bool load_above(struct record_walk *w, uint32_t uid)
{
	uint64_t want = msg_key(w->box, uid) + 1;
	MDB_val k = { sizeof want, &want }, v;
	int rc;

	flush(w);
	w->loaded = w->tail = false;
	if (w->rc != 0 || uid == UINT32_MAX)
		return false;
	rc = mdb_cursor_get(w->cursor, &k, &v, MDB_SET_RANGE);
	if (rc != 0 && rc != MDB_NOTFOUND)
		fail(w, rc);
	return rc == 0 && take(w, &k, &v);
}

/* Index of the first record in the chunk that is not below uid. */
static uint32_t lower(const struct record_walk *w, uint32_t uid)
{
	uint32_t lo = 0, hi = w->n;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (w->m[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool holds(const struct record_walk *w, uint32_t uid)
{
	return w->loaded && w->n > 0 && w->m[0].uid <= uid && w->m[w->n - 1].uid >= uid;
}

struct store_msg *record_find(struct record_walk *w, uint32_t uid)
{
	uint32_t i;

	if (!holds(w, uid) && !load(w, uid))
		return NULL;
	i = lower(w, uid);
	return i < w->n && w->m[i].uid == uid ? &w->m[i] : NULL;
}

struct store_msg *record_next(struct record_walk *w, uint32_t uid)
{
	uint32_t i, above = uid;

	if (holds(w, uid) || load(w, uid)) {
		i = lower(w, uid);
		if (i < w->n)
			return &w->m[i];
	}
	return load_above(w, above) ? &w->m[0] : NULL;
}

void record_touch(struct record_walk *w)
{
	w->dirty = true;
}

void record_remove(struct record_walk *w, struct store_msg *m)
{
	uint32_t i = (uint32_t)(m - w->m);

	assert(i < w->n);
	w->n--;
	memmove(m, m + 1, (w->n - i) * sizeof *m);
	w->dirty = true;
}

void record_add(struct record_walk *w, const struct store_msg *m)
{
	bool here = (w->loaded && w->tail) || load(w, m->uid);

	if (here && w->n > 0 && w->m[w->n - 1].uid >= m->uid) {
		fail(w, MDB_CORRUPTED);
		return;
	}
	if (!here || w->n == RECORD_CHUNK) {
		flush(w);
		w->n = 0;
		w->key = msg_key(w->box, m->uid);
	}
	w->m[w->n++] = *m;
	w->loaded = w->dirty = w->tail = true;
}

int record_end(struct record_walk *w)
{
	flush(w);
	if (w->cursor != NULL)
		mdb_cursor_close(w->cursor);
	w->cursor = NULL;
	return w->rc;
}

/* --- in bulk --------------------------------------------------------------------------------- */

static void list_room(struct record_list *l, size_t more)
{
	if (l->n + more <= l->cap)
		return;
	l->cap = l->n + more > l->cap * 2 ? l->n + more : l->cap * 2;
	l->m = xreallocarray(l->m, l->cap, sizeof l->m[0]);
}

static int list_chunk(struct record_list *l, uint32_t from, const MDB_val *v)
{
	size_t n = v->mv_size / sizeof l->m[0];
	struct store_msg *to;

	if (n > RECORD_CHUNK || v->mv_size % sizeof l->m[0] != 0)
		return MDB_CORRUPTED;
	list_room(l, n);
	to = l->m + l->n;
	memcpy(to, v->mv_data, v->mv_size);
	l->n += n;
	if (n == 0 || to[0].uid >= from)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (to[i].uid < from)
			continue;
		memmove(to, to + i, (n - i) * sizeof *to);
		l->n -= i;
		return 0;
	}
	l->n -= n;
	return 0;
}

static int list_walk(MDB_cursor *c, uint32_t box, uint32_t from, struct record_list *l)
{
	uint64_t key = msg_key(box, from);
	MDB_val k = { sizeof key, &key }, v;
	int rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);

	/* begin one chunk earlier: from may be inside it */
	if (rc == 0 && from > 0)
		rc = mdb_cursor_get(c, &k, &v, MDB_PREV);
	else if (rc == MDB_NOTFOUND)
		rc = mdb_cursor_get(c, &k, &v, MDB_LAST);
	if (rc == MDB_NOTFOUND && from > 0)
		rc = mdb_cursor_get(c, &k, &v, MDB_FIRST);
	for (; rc == 0; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
		if (k.mv_size != sizeof key)
			return MDB_CORRUPTED;
		memcpy(&key, k.mv_data, sizeof key);
		if (key >> 32 > box)
			break;
		if (key >> 32 == box)
			rc = list_chunk(l, from, &v);
		if (rc != 0)
			return rc;
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int record_load(struct store *s, uint32_t box, uint32_t from, struct record_list *l)
{
	MDB_cursor *c;
	int rc = mdb_cursor_open(index_txn(s), s->dbi[DBI_RECS], &c);

	if (rc != 0)
		return rc;
	rc = list_walk(c, box, from, l);
	mdb_cursor_close(c);
	return rc;
}

/* --- file names ------------------------------------------------------------------------------ */

int file_get(struct store *s, uint32_t box, uint32_t uid, struct str *name)
{
	uint64_t key = msg_key(box, uid);
	int rc = index_get(s, DBI_FILES, &key, sizeof key, name);

	if (rc != 0)
		return rc;
	if (name->n <= sizeof(struct file_head) || name->n > sizeof(struct file_head) + MSGNAME_MAX)
		return MDB_CORRUPTED;
	*name = str_skip(*name, sizeof(struct file_head));
	return 0;
}

int file_put(struct store *s, uint32_t box, uint32_t uid, const char *name, int64_t saved)
{
	char space[sizeof(struct file_head) + MSGNAME_MAX];
	struct file_head h = { .saved = saved };
	uint64_t key = msg_key(box, uid);
	size_t n = strlen(name);

	memcpy(space, &h, sizeof h);
	memcpy(space + sizeof h, name, n);
	return index_put(s, DBI_FILES, &key, sizeof key, space, sizeof h + n);
}

int64_t file_saved(struct str name)
{
	struct file_head h;

	memcpy(&h, name.p - sizeof h, sizeof h);
	return h.saved;
}

int file_rename(struct store *s, uint32_t box, uint32_t uid, const char *name)
{
	struct str was;
	int rc = file_get(s, box, uid, &was);

	return rc != 0 ? rc : file_put(s, box, uid, name, file_saved(was));
}
