/*
 * Messages leave: to gone/, and from the index to the list of the expunged. That list is what
 * QRESYNC answers from, and how another session finds the file of a message it has not yet been
 * told to forget.
 */
#include "store/view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static void big_endian(uint8_t *p, unsigned n, uint64_t v)
{
	while (n-- > 0) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}

struct tomb_key tomb_make(uint32_t box, uint64_t modseq, uint32_t uid)
{
	struct tomb_key k;

	big_endian(k.box, sizeof k.box, box);
	big_endian(k.modseq, sizeof k.modseq, modseq);
	big_endian(k.uid, sizeof k.uid, uid);
	return k;
}

int message_remove(struct store *s, struct box *b, struct record_walk *w, struct store_msg *m,
    struct str name, uint64_t modseq)
{
	struct tomb_key tomb = tomb_make(b->head.id, modseq, m->uid);
	uint64_t key = msg_key(b->head.id, m->uid);
	char copy[MSGNAME_MAX + 1]; /* name may point into a page that is about to move */
	int rc = str_copy(name, copy, sizeof copy) == -1
		     ? MDB_CORRUPTED
		     : index_put(s, DBI_TOMBS, &tomb, sizeof tomb, copy, name.n);

	if (rc == 0)
		rc = index_del(s, DBI_FILES, &key, sizeof key);
	for (unsigned i = 0; i < STORE_ITEMS && rc == 0; i++)
		rc = index_del(s, DBI_ITEMS + i, &key, sizeof key);
	if (rc != 0)
		return rc;
	box_count(b, m, -1);
	b->head.tombs++;
	record_remove(w, m);
	return 0;
}

int tomb_name(
    struct store *s, uint32_t box, uint64_t since, uint32_t uid, char out[MSGNAME_MAX + 1])
{
	struct tomb_key from = tomb_make(box, since, 0), want = tomb_make(box, 0, uid), key;
	MDB_val k = { sizeof from, &from }, v;
	MDB_cursor *c;
	int rc = mdb_cursor_open(index_txn(s), s->dbi[DBI_TOMBS], &c);

	if (rc != 0)
		return rc;
	rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
	for (; rc == 0; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
		if (k.mv_size != sizeof key)
			break;
		memcpy(&key, k.mv_data, sizeof key);
		if (memcmp(key.box, want.box, sizeof key.box) != 0) {
			rc = MDB_NOTFOUND;
			break;
		}
		if (memcmp(key.uid, want.uid, sizeof key.uid) == 0) {
			rc = str_copy(str_bytes(v.mv_data, v.mv_size), out, MSGNAME_MAX + 1) == 0
				 ? 0
				 : MDB_CORRUPTED;
			break;
		}
	}
	mdb_cursor_close(c);
	return rc;
}

/* --- moving files to gone/ ------------------------------------------------------------------- */

int gone_move(struct gone_list *g, struct box *b, struct str name)
{
	char *copy;

	if (g->n == g->cap) {
		g->cap = g->cap == 0 ? 64 : g->cap * 2;
		g->names = xreallocarray(g->names, g->cap, sizeof g->names[0]);
	}
	copy = str_dup(name);
	if (renameat(b->cur, copy, b->gone, copy) == -1) {
		free(copy);
		return errno == ENOENT ? 0 : errno; /* taken away by somebody: as good as gone */
	}
	b->touched = true;
	g->names[g->n++] = copy;
	return 0;
}

void gone_undo(struct gone_list *g, struct box *b)
{
	int e = errno;

	for (size_t i = 0; i < g->n; i++)
		renameat(b->gone, g->names[i], b->cur, g->names[i]);
	errno = e;
}

void gone_clear(struct gone_list *g)
{
	for (size_t i = 0; i < g->n; i++)
		free(g->names[i]);
	free(g->names);
	*g = (struct gone_list){ 0 };
}

/* --- EXPUNGE --------------------------------------------------------------------------------- */

static int expunge_one(
    struct view *v, struct record_walk *w, uint32_t i, uint64_t modseq, struct gone_list *gone)
{
	struct store *s = v->pub.store;
	struct store_msg *m = record_find(w, v->msgs[i].uid);
	struct str name;
	int rc;

	if (m == NULL || !(m->flags & STORE_DELETED))
		return w->rc;
	rc = file_get(s, v->box.head.id, m->uid, &name);
	if (rc == 0)
		rc = gone_move(gone, &v->box, name);
	if (rc == 0)
		rc = message_remove(s, &v->box, w, m, name, modseq);
	return rc;
}

static enum store_error expunge_all(
    struct view *v, const uint32_t *idx, size_t n, struct gone_list *gone, uint32_t *count)
{
	struct store *s = v->pub.store;
	struct box *b = &v->box;
	uint32_t before = b->head.messages;
	uint64_t modseq = b->head.modseq + 1;
	struct record_walk w;
	enum store_error e = box_open_gone(b);
	int rc = 0, rc2;

	if (e == STORE_OK)
		e = box_reserve(s, b, 0);
	if (e != STORE_OK)
		return e;
	record_begin(&w, s, b->head.id);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = expunge_one(v, &w, idx != NULL ? idx[i] : (uint32_t)i, modseq, gone);
	rc2 = record_end(&w);
	*count = before - b->head.messages;
	if (*count > 0)
		b->head.modseq = b->head.changed = modseq;
	e = index_error(s, rc != 0 ? rc : rc2);
	return e == STORE_OK ? box_leave(s, b) : e;
}

enum store_error store_expunge(
    struct store_view *pub, const uint32_t *idx, size_t n, uint32_t *count)
{
	struct view *v = view_of(pub);
	struct store *s = pub->store;
	struct gone_list gone = { 0 };
	enum store_error e = view_write(v, 0);

	*count = 0;
	if (e != STORE_OK)
		return e;
	e = expunge_all(v, idx, idx != NULL ? n : pub->n, &gone, count);
	if (e == STORE_OK)
		e = index_commit(s, true);
	if (e != STORE_OK) {
		gone_undo(&gone, &v->box);
		index_abort(s);
		*count = 0;
	}
	gone_clear(&gone);
	return e;
}
