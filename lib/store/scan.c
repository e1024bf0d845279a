/*
 * What the disk says: taking mail out of new/, and comparing a whole mailbox with its index after
 * a reboot, a kill, the loss of the index, or somebody else's work in cur/.
 *
 * A file that the index does not know, with ",U=" in its name:
 *  - after a reboot, an expunge whose rename was undone: it goes to gone/ (its name is known);
 *  - a UID from uidnext up to the floor of thurn-mailbox: it was given out and then the index lost
 *    it, so the message keeps it;
 *  - anything else is a copy from elsewhere and gets a new UID.
 * So a message is never lost, at worst it appears twice.
 *
 * A file that a power cut has left with less than its name says is of an APPEND that was never
 * answered (append.c). It goes to gone/ as well: nobody is shown a part of a message.
 */
#include "store/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* --- the whole mailbox ----------------------------------------------------------------------- */

struct known {
	struct str name; /* of the file, as the index has it */
	struct str base;
	uint32_t next; /* in the hash chain, + 1 */
	bool present;
	bool late; /* came shortly before the last change that the index knows of */
};

struct scan {
	struct store *s;
	struct box *b;
	struct record_list recs;
	struct known *known; /* of each record */
	uint32_t *hash; /* heads of chains, index + 1 */
	size_t mask;
	struct found_list loose; /* files that no record has */
	struct found_list moved; /* files whose record knows them by another name; uid = index */
	bool again; /* second look at cur/ */
	bool recover; /* the index may lag behind the disk */
	int dir;
};

enum { LATE = 3600 }; /* seconds in which all that was written has come to the disk by itself */

static size_t base_hash(struct str s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ h >> 32);
}

static int load_names(struct scan *sc)
{
	const int64_t last = (int64_t)(sc->b->head.cur_time / 1000000000);
	struct msgname m;
	size_t at;
	int rc;

	sc->known = xcalloc(sc->recs.n, sizeof sc->known[0]);
	for (sc->mask = 1; sc->mask < sc->recs.n; sc->mask *= 2)
		continue;
	sc->hash = xcalloc(sc->mask--, sizeof sc->hash[0]);
	for (size_t i = 0; i < sc->recs.n; i++) {
		struct known *k = &sc->known[i];

		rc = file_get(sc->s, sc->b->head.id, sc->recs.m[i].uid, &k->name);
		if (rc != 0)
			return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
		k->late = file_saved(k->name) > last - LATE;
		k->name = arena_str(&sc->s->scratch, k->name);
		if (msgname_parse(k->name, &m) == -1)
			return MDB_CORRUPTED;
		k->base = m.base;
		at = base_hash(k->base) & sc->mask;
		k->next = sc->hash[at];
		sc->hash[at] = (uint32_t)i + 1;
	}
	return 0;
}

/* The record this file is the message of, or -1; *exact if it has the very name. */
static int64_t record_of(struct scan *sc, struct str name, const struct msgname *m, bool *exact)
{
	int64_t near = -1;

	*exact = false;
	for (uint32_t i = sc->hash[base_hash(m->base) & sc->mask]; i != 0;
	     i = sc->known[i - 1].next) {
		const struct known *k = &sc->known[i - 1];

		if (!str_eq(k->base, m->base))
			continue;
		if (str_eq(k->name, name)) {
			*exact = true;
			return i - 1;
		}
		if (m->has_uid ? sc->recs.m[i - 1].uid == m->uid : !k->present)
			near = i - 1;
	}
	return near;
}

static void scan_entry(void *arg, struct str name)
{
	struct scan *sc = arg;
	struct found f = { .dir = sc->dir };
	int64_t i;
	bool exact;

	f.name = arena_str(&sc->s->scratch, name);
	if (msgname_parse(f.name, &f.parsed) == -1) {
		store_report(sc->s, "message-skipped", f.name, EINVAL);
		return;
	}
	i = record_of(sc, f.name, &f.parsed, &exact);
	if (exact && sc->dir == sc->b->cur) {
		sc->known[i].present = true;
	} else if (i >= 0 && f.parsed.has_uid && sc->dir == sc->b->cur) {
		f.uid = (uint32_t)i;
		found_push(&sc->moved, &f);
	} else if (!sc->again) {
		found_push(&sc->loose, &f);
	}
}

/* Somebody else has renamed the file: take over what changed in the flags of its name. */
static int take_renamed(struct scan *sc, struct record_walk *w, const struct found *f, size_t i)
{
	const uint64_t letters = (UINT64_C(1) << MSGNAME_LETTERS) - 1;
	struct store_msg *m = record_find(w, sc->recs.m[i].uid);
	struct msgname was;
	uint32_t changed;
	uint64_t kchanged;

	if (m == NULL || msgname_parse(sc->known[i].name, &was) == -1)
		return MDB_CORRUPTED;
	changed = (was.flags ^ f->parsed.flags) & RECORD_FLAGS;
	kchanged = (was.keywords ^ f->parsed.keywords) & letters;
	sc->known[i].present = true;
	sc->known[i].name = f->name;
	if (changed != 0 || kchanged != 0) {
		box_count(sc->b, m, -1);
		m->flags = (m->flags & ~changed) | (f->parsed.flags & changed);
		m->keywords = (m->keywords & ~kchanged) | (f->parsed.keywords & kchanged);
		m->modseq = sc->b->head.changed = sc->b->head.modseq + 1;
		box_count(sc->b, m, 1);
		record_touch(w);
	}
	return file_rename(sc->s, sc->b->head.id, m->uid, f->name.p);
}

/* A file in new/, or in cur/ without UID, whose record misses its file: a rename was undone. */
static int take_back(struct scan *sc, struct record_walk *w, struct found *f, size_t i)
{
	struct store_msg *m = record_find(w, sc->recs.m[i].uid);
	const struct known *k = &sc->known[i];
	int rc;

	if (m == NULL)
		return MDB_CORRUPTED;
	if (renameat2(f->dir, f->name.p, sc->b->cur, k->name.p, RENAME_NOREPLACE) == -1) {
		rc = errno;
		return found_skippable(rc) ? 0 : rc;
	}
	sc->b->touched = true;
	sc->known[i].present = true;
	return 0;
}

/* Which UIDs have been expunged here under which names. */
static int tomb_find(struct scan *sc, uint32_t uid, struct str base, bool *yes)
{
	struct tomb_key from = tomb_make(sc->b->head.id, 0, 0), key;
	MDB_val k = { sizeof from, &from }, v;
	struct tomb_key want = tomb_make(sc->b->head.id, 0, uid);
	struct msgname m;
	MDB_cursor *c;
	int rc = mdb_cursor_open(sc->s->write, sc->s->dbi[DBI_TOMBS], &c);

	*yes = false;
	if (rc != 0)
		return rc;
	rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
	for (; rc == 0 && !*yes; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
		if (k.mv_size != sizeof key)
			break;
		memcpy(&key, k.mv_data, sizeof key);
		if (memcmp(key.box, from.box, sizeof key.box) != 0)
			break;
		*yes = memcmp(key.uid, want.uid, sizeof key.uid) == 0 &&
		       msgname_parse(str_bytes(v.mv_data, v.mv_size), &m) == 0 &&
		       str_eq(m.base, base);
	}
	mdb_cursor_close(c);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/*
 * Expunged, but the file is back: a power cut undid its move to gone/. True if it is moved now. At
 * other times somebody has restored it.
 */
static bool finish_expunge(struct scan *sc, const struct found *f, int *rc)
{
	bool yes = false;

	if (!sc->recover || !f->parsed.has_uid || f->parsed.uid >= sc->b->head.uidnext)
		return false;
	*rc = tomb_find(sc, f->parsed.uid, f->parsed.base, &yes);
	if (*rc != 0 || !yes || box_open_gone(sc->b) != STORE_OK)
		return false;
	if (renameat(f->dir, f->name.p, sc->b->gone, f->name.p) == -1)
		return false;
	sc->b->touched = true;
	return true;
}

/* 0, or errno. */
static int set_aside(struct scan *sc, int dir, struct str name)
{
	if (box_open_gone(sc->b) != STORE_OK || renameat(dir, name.p, sc->b->gone, name.p) == -1)
		return errno;
	sc->b->touched = true;
	store_report(sc->s, "message-short", name, 0);
	return 0;
}

/* Only names of our own are taken at their word: others may count bytes differently. */
static bool cut_short(const struct scan *sc, const struct found *f)
{
	return sc->recover && f->parsed.has_uid && f->parsed.has_size && f->size < f->parsed.size;
}

/* Sorts the loose files: taken back, finished, or left in the list to be adopted. */
static int settle_loose(struct scan *sc, struct record_walk *w)
{
	struct box_head *h = &sc->b->head;
	size_t keep = 0;
	int rc = 0;
	bool exact;

	for (size_t n = 0; n < sc->loose.n && rc == 0; n++) {
		struct found *f = &sc->loose.f[n];
		int64_t i = record_of(sc, f->name, &f->parsed, &exact);

		if (i >= 0 && !sc->known[i].present) {
			rc = take_back(sc, w, f, (size_t)i);
			continue;
		}
		if (finish_expunge(sc, f, &rc) || rc != 0)
			continue;
		rc = found_look(f);
		if (rc != 0) {
			if (rc != ENOENT)
				store_report(sc->s, "message-skipped", f->name, rc);
			rc = found_skippable(rc) ? 0 : rc;
			continue;
		}
		if (cut_short(sc, f)) {
			rc = set_aside(sc, f->dir, f->name);
			continue;
		}
		if (f->parsed.has_uid && f->parsed.uid >= h->uidnext && f->parsed.uid < h->uidfloor)
			f->uid = f->parsed.uid;
		sc->loose.f[keep++] = *f;
	}
	sc->loose.n = keep;
	return rc;
}

/* Of those that the index knows, only the last ones can be short: the others need not be looked at. */
static int miss_short(struct scan *sc)
{
	int rc = 0;

	for (size_t i = 0; i < sc->recs.n && rc == 0 && sc->recover; i++) {
		struct known *k = &sc->known[i];
		struct stat st;

		if (!k->present || !k->late ||
		    fstatat(sc->b->cur, k->name.p, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
		    (uint64_t)st.st_size >= sc->recs.m[i].disk)
			continue;
		rc = set_aside(sc, sc->b->cur, k->name);
		k->present = rc != 0;
	}
	return rc;
}

/* Records without a file: expunged halfway, or taken away by somebody. */
static int drop_missing(struct scan *sc, struct record_walk *w)
{
	struct box *b = sc->b;
	int rc = 0;

	for (size_t i = 0; i < sc->recs.n && rc == 0; i++) {
		const struct known *k = &sc->known[i];
		struct store_msg *m;
		struct stat st;

		if (k->present || fstatat(b->cur, k->name.p, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if (box_open_gone(b) != STORE_OK ||
		    fstatat(b->gone, k->name.p, &st, AT_SYMLINK_NOFOLLOW) == -1)
			store_report(sc->s, "message-lost", k->name, 0);
		m = record_find(w, sc->recs.m[i].uid);
		if (m == NULL)
			return MDB_CORRUPTED;
		b->head.changed = b->head.modseq + 1;
		rc = message_remove(sc->s, b, w, m, k->name, b->head.changed);
	}
	return rc;
}

static int settle(struct scan *sc)
{
	struct record_walk w;
	int rc = 0, rc2;

	record_begin(&w, sc->s, sc->b->head.id);
	for (size_t i = 0; i < sc->moved.n && rc == 0; i++) {
		const struct found *f = &sc->moved.f[i];

		if (!sc->known[f->uid].present)
			rc = take_renamed(sc, &w, f, f->uid);
	}
	if (rc == 0)
		rc = settle_loose(sc, &w);
	if (rc == 0)
		rc = miss_short(sc);
	if (rc == 0)
		rc = drop_missing(sc, &w);
	rc2 = record_end(&w);
	if (sc->b->head.changed > sc->b->head.modseq)
		sc->b->head.modseq = sc->b->head.changed;
	return rc != 0 ? rc : rc2;
}

static bool any_missing(const struct scan *sc)
{
	for (size_t i = 0; i < sc->recs.n; i++)
		if (!sc->known[i].present)
			return true;
	return false;
}

/* Lists cur/ (twice if something is missing: a listing may overlook what is being renamed) and
 * new/. */
static int list_all(struct scan *sc, struct stat *new)
{
	int rc = record_load(sc->s, sc->b->head.id, 0, &sc->recs);

	if (rc == 0)
		rc = load_names(sc);
	if (rc != 0)
		return rc;
	sc->dir = sc->b->cur;
	if (each_entry(sc->b->cur, scan_entry, sc) == -1)
		return errno;
	sc->again = any_missing(sc);
	if (sc->again && each_entry(sc->b->cur, scan_entry, sc) == -1)
		return errno;
	sc->again = false;
	sc->dir = sc->b->new;
	if (fstat(sc->b->new, new) == -1 || each_entry(sc->b->new, scan_entry, sc) == -1)
		return errno;
	return 0;
}

/*
 * After a reboot (or with a fresh index) UIDs and mod-sequences may have been handed out that the
 * index does not know of: all go on above their limits. Messages found with such a UID keep it.
 */
static enum store_error reconcile(struct scan *sc, bool recover, struct stat *new)
{
	struct box_head *h = &sc->b->head;
	enum store_error e;
	int rc;

	if (recover && h->modseq < h->modseqceiling)
		h->modseq = h->modseqceiling;
	if (h->fresh)
		h->forgotten = h->modseq;
	sc->recover = recover;
	e = box_reserve(sc->s, sc->b, 0);
	if (e != STORE_OK)
		return e;
	rc = list_all(sc, new);
	if (rc == 0)
		rc = settle(sc);
	if (rc != 0)
		return index_error(sc->s, rc);
	return adopt_all(sc->s, sc->b, &sc->loose, recover);
}

enum store_error scan_all(struct store *s, struct box *b)
{
	struct scan sc = { .s = s, .b = b };
	bool recover = b->head.fresh == FRESH_REBUILD || box_rebooted(s, b);
	struct stat cur, new;
	enum store_error e;

	if (fstat(b->cur, &cur) == -1)
		return index_error(s, errno);
	e = reconcile(&sc, recover, &new);
	if (e == STORE_OK) {
		if (recover && b->head.fresh == 0)
			store_report(s, "index-recovered", folder_name(&b->folder), 0);
		b->head.fresh = 0;
		b->head.boot = s->boot;
		b->head.cur_inode = cur.st_ino;
		b->head.cur_time = time_ns(&cur.st_mtim);
	}
	free(sc.recs.m);
	free(sc.known);
	free(sc.hash);
	free(sc.loose.f);
	free(sc.moved.f);
	arena_reset(&s->scratch);
	return e == STORE_OK ? scan_new(s, b) : e;
}
