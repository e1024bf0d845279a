/*
 * A selected mailbox: loading, and taking in what others did. The header says how much there is to
 * do: nothing; only additions, which are read from the end; or changes, for which all records are
 * compared with the view in one pass (about 1 ms for 100,000).
 */
#include "store/view.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void view_show(struct view *v)
{
	v->pub.keywords = v->box.keywords;
	v->pub.nkeywords = v->box.nkeywords;
	v->pub.name = folder_name(&v->box.folder);
	v->pub.folder = folder_dir(&v->box.folder);
	v->pub.id = v->box.head.object;
}

enum store_error view_current(struct view *v)
{
	struct store *s = v->pub.store;
	uint64_t object = v->box.head.object;
	struct str name = folder_name(&v->box.folder);
	enum store_error e = index_read(s);
	struct box b;
	uint32_t id;

	if (e != STORE_OK || v->epoch == s->epoch)
		return e;
	/* a new index: the same mailbox has another number there */
	index_rest(s);
	e = account_sync(s);
	if (e != STORE_OK)
		return e;
	box_init(&b);
	e = account_find(s, name, &id);
	if (e == STORE_NOTFOUND || e == STORE_NOSELECT)
		e = STORE_GONE;
	if (e == STORE_OK)
		e = box_load(s, id, &b);
	if (e == STORE_OK && (b.head.object != object || b.head.uidvalidity != v->pub.uidvalidity))
		e = STORE_GONE;
	if (e == STORE_OK) {
		struct box old = v->box;

		v->box = b;
		v->box.claim = old.claim;
		v->epoch = s->epoch;
		v->loaded = 0; /* compare everything */
		b = old;
	}
	box_clear(&b);
	view_show(v);
	return e;
}

enum store_error view_write(struct view *v, size_t need)
{
	struct store *s = v->pub.store;
	enum store_error e;

	index_rest(s);
	e = view_current(v);
	if (e == STORE_OK)
		e = index_write(s, need);
	if (e != STORE_OK)
		return e;
	/* replaced in between: next time */
	e = v->epoch == s->epoch ? box_enter(s, &v->box) : STORE_IO;
	if (e != STORE_OK)
		index_abort(s);
	return e;
}

/* --- comparing ------------------------------------------------------------------------------- */

static void push_expunged(struct view *v, struct store_changes *c, uint32_t seq, uint32_t uid)
{
	if (c->nexpunged == v->expunged_cap) {
		v->expunged_cap = v->expunged_cap == 0 ? 64 : v->expunged_cap * 2;
		v->expunged = xreallocarray(v->expunged, v->expunged_cap, sizeof v->expunged[0]);
	}
	v->expunged[c->nexpunged++] = (struct store_expunged){ seq, uid };
}

static void push_changed(struct view *v, struct store_changes *c, uint32_t index)
{
	if (c->nchanged == v->changed_cap) {
		v->changed_cap = v->changed_cap == 0 ? 64 : v->changed_cap * 2;
		v->changed = xreallocarray(v->changed, v->changed_cap, sizeof v->changed[0]);
	}
	v->changed[c->nchanged++] = index;
}

static void reverse(struct store_expunged *e, uint32_t n)
{
	for (uint32_t i = 0; i + 1 < n - i; i++) {
		struct store_expunged t = e[i];

		e[i] = e[n - 1 - i];
		e[n - 1 - i] = t;
	}
}

static struct store_msg shown(const struct store_msg *rec)
{
	struct store_msg m = *rec;

	m.flags &= STORE_SYSTEM | STORE_PASSED | STORE_RAW;
	return m;
}

/* Old messages: m in the view at index i, and their records in l (all of the mailbox). */
static uint32_t compare(
    struct view *v, struct record_list *l, bool expunges, struct store_changes *c)
{
	uint32_t n = 0;
	size_t j = 0;

	v->vanished = 0;
	for (uint32_t i = 0; i < v->pub.n; i++) {
		struct store_msg m = v->msgs[i];

		while (j < l->n && l->m[j].uid < m.uid)
			j++;
		if (j == l->n || l->m[j].uid != m.uid) {
			if (expunges) {
				push_expunged(v, c, i + 1, m.uid);
				continue;
			}
			m.flags |= STORE_VANISHED;
			v->vanished++;
		} else if (l->m[j].modseq != m.modseq) {
			uint32_t keep = m.flags & STORE_RECENT;

			m = shown(&l->m[j]);
			m.flags |= keep;
			push_changed(v, c, n);
		}
		v->msgs[n++] = m;
	}
	reverse(v->expunged, c->nexpunged);
	return n;
}

static void append_new(struct view *v, const struct record_list *l, uint32_t uidnext)
{
	size_t from = l->n;

	while (from > 0 && l->m[from - 1].uid >= uidnext)
		from--;
	if (v->pub.n + (l->n - from) > v->cap) {
		v->cap = v->pub.n + (l->n - from) + 64;
		v->msgs = xreallocarray(v->msgs, v->cap, sizeof v->msgs[0]);
	}
	for (; from < l->n; from++)
		v->msgs[v->pub.n++] = shown(&l->m[from]);
}

static void count(struct view *v)
{
	uint32_t unseen = 0, recent = 0;

	for (uint32_t i = 0; i < v->pub.n; i++) {
		unseen += (v->msgs[i].flags & STORE_SEEN) == 0;
		recent += (v->msgs[i].flags & STORE_RECENT) != 0;
	}
	v->pub.unseen = unseen;
	v->pub.recent = recent;
}

/* The first load: the list becomes the view. */
static void take_over(struct view *v, struct record_list *l)
{
	free(v->msgs);
	v->msgs = l->m;
	v->cap = l->cap;
	v->pub.n = (uint32_t)l->n;
	for (uint32_t i = 0; i < v->pub.n; i++)
		v->msgs[i].flags &= STORE_SYSTEM | STORE_PASSED | STORE_RAW;
	*l = (struct record_list){ 0 };
}

/* Brings the array to the state of v->box.head, in the snapshot that is open. */
static enum store_error take_in(struct view *v, bool expunges, struct store_changes *c)
{
	struct box_head *h = &v->box.head;
	struct record_list l = { 0 };
	uint32_t uidnext = v->pub.uidnext;
	bool all = v->pub.n > 0 &&
		   (v->loaded == 0 || h->changed > v->loaded || (expunges && v->vanished > 0));
	int rc;

	if (v->pub.n == 0) { /* all at once */
		l.cap = (size_t)h->messages + 64;
		l.m = xreallocarray(NULL, l.cap, sizeof l.m[0]);
	}
	rc = record_load(v->pub.store, h->id, all ? 0 : uidnext, &l);

	if (rc == 0 && all)
		v->pub.n = compare(v, &l, expunges, c);
	c->first_new = v->pub.n;
	if (rc == 0 && v->pub.n == 0 && !all)
		take_over(v, &l);
	else if (rc == 0)
		append_new(v, &l, uidnext);
	free(l.m);
	if (rc != 0)
		return index_error(v->pub.store, rc);
	v->pub.msgs = v->msgs;
	v->pub.uidnext = h->uidnext;
	v->pub.modseq = v->loaded = h->modseq;
	return STORE_OK;
}

/* --- \Recent --------------------------------------------------------------------------------- */

static void mark_recent(struct view *v, uint32_t from, uint32_t to)
{
	for (uint32_t i = store_lower(&v->pub, from); i < v->pub.n && v->msgs[i].uid < to; i++)
		v->msgs[i].flags |= STORE_RECENT;
}

/* What was adopted for this view is claimed already, in the same change; this is for the rest. */
static enum store_error claim_rest(struct view *v)
{
	struct store *s = v->pub.store;
	struct record_list l = { 0 };
	uint32_t from;
	enum store_error e;
	int rc;

	index_rest(s);
	e = index_write(s, 0);
	if (e != STORE_OK)
		return e;
	e = box_reload(s, &v->box);
	from = v->box.head.recent_uid;
	if (e == STORE_OK && from < v->pub.uidnext) {
		/* what came after this snapshot is the next one's */
		rc = record_load(s, v->box.head.id, v->pub.uidnext, &l);
		v->box.head.recent_uid = v->pub.uidnext;
		v->box.head.recent = (uint32_t)l.n;
		free(l.m);
		e = rc == 0 ? box_save(s, &v->box) : index_error(s, rc);
	}
	e = index_end(s, e, false);
	if (e == STORE_OK)
		mark_recent(v, from, v->pub.uidnext);
	return e;
}

static enum store_error claim(struct view *v)
{
	enum store_error e;

	if (v->pub.readonly) { /* recent here and for the next one, too */
		mark_recent(v, v->box.head.recent_uid, v->pub.uidnext);
		return STORE_OK;
	}
	mark_recent(v, v->box.claimed_from, v->box.claimed_to);
	v->box.claimed_from = v->box.claimed_to = 0;
	if (v->box.head.recent == 0)
		return STORE_OK;
	e = claim_rest(v);
	return e == STORE_NOSPACE ? STORE_OK : e;
}

/* --- SELECT and refresh ---------------------------------------------------------------------- */

/* Adopts what is new, then reads the header in a fresh snapshot. */
static enum store_error look(struct view *v, bool all)
{
	struct store *s = v->pub.store;
	enum store_error e;

	index_rest(s);
	e = view_current(v);
	if (e == STORE_OK)
		e = box_reload(s, &v->box);
	if (e == STORE_OK)
		e = box_sync(s, &v->box, all);
	if (e == STORE_NOSPACE) /* new mail waits, the rest can be read */
		e = STORE_OK;
	if (e == STORE_OK)
		e = index_read(s);
	if (e == STORE_OK && v->epoch != s->epoch)
		e = STORE_IO;
	return e == STORE_OK ? box_reload(s, &v->box) : e;
}

enum store_error store_select(
    struct store *s, struct str name, bool readonly, struct store_view **out)
{
	struct view *v;
	struct store_changes c = { 0 };
	enum store_error e;
	uint32_t id;

	*out = NULL;
	index_rest(s);
	e = account_sync(s);
	if (e == STORE_OK)
		e = account_find(s, name, &id);
	if (e != STORE_OK)
		return e;
	v = xcalloc(1, sizeof *v);
	box_init(&v->box);
	v->pub.store = s;
	v->pub.readonly = readonly;
	v->pub.uidnext = 1;
	v->box.claim = !readonly;
	v->epoch = s->epoch;
	e = box_load(s, id, &v->box);
	if (e == STORE_OK)
		e = box_open(s, &v->box);
	if (e == STORE_OK)
		e = look(v, true);
	if (e == STORE_OK) {
		v->pub.uidvalidity = v->box.head.uidvalidity;
		e = take_in(v, true, &c);
	}
	if (e == STORE_OK)
		e = claim(v);
	view_show(v);
	v->version = v->box.head.version;
	if (e == STORE_OK) {
		count(v);
		*out = &v->pub;
	} else {
		store_unselect(&v->pub);
	}
	return e;
}

void store_unselect(struct store_view *pub)
{
	struct view *v = view_of(pub);

	if (pub == NULL)
		return;
	store_item_flush(pub);
	box_clear(&v->box);
	free(v->msgs);
	free(v->expunged);
	free(v->changed);
	free(v);
}

enum store_error store_refresh(struct store_view *pub, bool expunges, struct store_changes *out)
{
	struct view *v = view_of(pub);
	enum store_error e;
	bool any;

	memset(out, 0, sizeof *out);
	out->first_new = pub->n;
	e = look(v, false);
	if (e != STORE_OK)
		return e;
	any = v->box.head.modseq != v->loaded || (expunges && v->vanished > 0);
	if (any)
		e = take_in(v, expunges, out);
	if (e == STORE_OK && any)
		e = claim(v);
	if (v->version != v->box.head.version) {
		v->version = v->box.head.version;
		out->keywords = true;
		view_show(v);
	}
	if (e == STORE_OK && any)
		count(v);
	out->expunged = v->expunged;
	out->changed = v->changed;
	return e;
}

/* --- finding --------------------------------------------------------------------------------- */

uint32_t store_lower(const struct store_view *v, uint32_t uid)
{
	uint32_t lo = 0, hi = v->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (v->msgs[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int64_t store_find(const struct store_view *v, uint32_t uid)
{
	uint32_t i = store_lower(v, uid);

	return i < v->n && v->msgs[i].uid == uid ? (int64_t)i : -1;
}

int64_t store_first_unseen(const struct store_view *v)
{
	if (v->unseen == 0)
		return -1;
	for (uint32_t i = 0; i < v->n; i++)
		if (!(v->msgs[i].flags & STORE_SEEN))
			return i;
	return -1;
}
