/* STORE: flags and keywords. */
#include "store/view.h"

#include <stdlib.h>

#include "base/alloc.h"

enum store_error store_keywords(
    struct store_view *pub, const struct str *names, size_t n, bool create, uint64_t *mask)
{
	struct view *v = view_of(pub);
	struct store *s = pub->store;
	uint64_t have = 0;
	enum store_error e = STORE_OK;

	/* most often they are all there, and no change is needed */
	*mask = 0;
	for (size_t i = 0; i < n; i++) {
		e = box_keywords(s, &v->box, &names[i], 1, false, &have);
		if (e != STORE_OK || have == 0)
			break;
		*mask |= have;
	}
	if (e != STORE_OK || n == 0 || have != 0)
		return e;
	if (!create)
		return box_keywords(s, &v->box, names, n, false, mask);
	e = view_write(v, 0);
	if (e != STORE_OK)
		return e;
	e = box_keywords(s, &v->box, names, n, true, mask);
	if (e == STORE_OK)
		e = box_leave(s, &v->box);
	e = index_end(s, e, false);
	if (e == STORE_OK)
		view_show(v);
	return e;
}

static bool apply(struct store_msg *m, const struct store_change *c)
{
	uint32_t flags = c->flags & STORE_SYSTEM, was = m->flags;
	uint64_t had = m->keywords;

	switch (c->op) {
	case STORE_ADD:
		m->flags |= flags;
		m->keywords |= c->keywords;
		break;
	case STORE_REMOVE:
		m->flags &= ~flags;
		m->keywords &= ~c->keywords;
		break;
	case STORE_REPLACE:
		m->flags = (m->flags & ~(uint32_t)STORE_SYSTEM) | flags;
		m->keywords = c->keywords;
		break;
	}
	return m->flags != was || m->keywords != had;
}

static enum store_result change_one(struct box *b, struct record_walk *w, uint32_t uid,
    const struct store_change *c, uint64_t modseq)
{
	struct store_msg *m = record_find(w, uid), now;

	if (m == NULL)
		return STORE_EXPUNGED;
	if (c->conditional && m->modseq > c->unchangedsince)
		return STORE_MODIFIED;
	now = *m;
	if (!apply(&now, c))
		return STORE_SAME;
	now.modseq = modseq;
	now.flags |= RECORD_DIRTY;
	box_count(b, m, -1);
	box_count(b, &now, 1);
	*m = now;
	record_touch(w);
	return STORE_CHANGED;
}

/* The view shows what was committed. */
static void show(struct view *v, const uint32_t *idx, size_t n, const struct store_msg *now,
    const enum store_result *results)
{
	for (size_t i = 0; i < n; i++) {
		struct store_msg *m = &v->msgs[idx[i]];
		uint32_t keep = m->flags & (STORE_RECENT | STORE_VANISHED);

		if (results[i] != STORE_CHANGED)
			continue;
		if (!(m->flags & STORE_SEEN) != !(now[i].flags & STORE_SEEN))
			v->pub.unseen += m->flags & STORE_SEEN ? 1 : UINT32_MAX;
		*m = now[i];
		m->flags = (m->flags & (STORE_SYSTEM | STORE_PASSED | STORE_RAW)) | keep;
	}
}

static enum store_error change_all(struct view *v, const uint32_t *idx, size_t n,
    const struct store_change *c, enum store_result *results, struct store_msg *now)
{
	struct store *s = v->pub.store;
	struct box *b = &v->box;
	uint64_t modseq = b->head.modseq + 1;
	struct record_walk w;
	bool any = false;
	enum store_error e = box_reserve(s, b, 0);
	int rc;

	if (e != STORE_OK)
		return e;
	record_begin(&w, s, b->head.id);
	for (size_t i = 0; i < n; i++) {
		results[i] = change_one(b, &w, v->msgs[idx[i]].uid, c, modseq);
		if (results[i] != STORE_CHANGED)
			continue;
		any = true;
		now[i] = *record_find(&w, v->msgs[idx[i]].uid);
	}
	rc = record_end(&w);
	if (any)
		b->head.modseq = b->head.changed = modseq;
	return rc == 0 ? box_leave(s, b) : index_error(s, rc);
}

enum store_error store_change(struct store_view *pub, const uint32_t *idx, size_t n,
    const struct store_change *c, enum store_result *results)
{
	struct view *v = view_of(pub);
	struct store_msg *now;
	uint64_t before;
	enum store_error e;

	if (n == 0)
		return STORE_OK;
	e = view_write(v, 0);
	if (e != STORE_OK)
		return e;
	before = v->box.head.modseq;
	now = xreallocarray(NULL, n, sizeof now[0]);
	e = index_end(pub->store, change_all(v, idx, n, c, results, now), false);
	if (e == STORE_OK) {
		show(v, idx, n, now, results);
		if (before == v->loaded) /* nobody else has changed anything: nothing to look for */
			v->loaded = pub->modseq = v->box.head.modseq;
	}
	free(now);
	return e;
}
