/*
 * Work that can wait: names that show the flags, what is no longer needed in gone/, tmp/ and
 * index/deleted, expunges nobody will ask for.
 */
#include "store/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
	CLEAN_EVERY = 24 * 3600, /* seconds */
	TMP_KEEP = 36 * 3600, /* maildir(5) */
	TOMBS_MAX = 20000, /* remembered expunges of a mailbox: above, */
	TOMBS_KEEP = 10000, /* the oldest are forgotten down to here */
};

/* Mailboxes that have something to do. */
struct todo {
	uint32_t *ids;
	size_t n, cap;
	bool (*wants)(const struct box_head *h, int64_t now);
	int64_t now;
};

static enum store_error todo_add(struct store *s, uint32_t id, struct str name, void *arg)
{
	struct todo *t = arg;
	struct box b;
	enum store_error e;

	(void)name;
	box_init(&b);
	e = box_load(s, id, &b);
	if (e == STORE_OK && t->wants(&b.head, t->now)) {
		if (t->n == t->cap) {
			t->cap = t->cap == 0 ? 16 : t->cap * 2;
			t->ids = xreallocarray(t->ids, t->cap, sizeof t->ids[0]);
		}
		t->ids[t->n++] = id;
	}
	box_clear(&b);
	return e;
}

static enum store_error todo_fill(struct store *s, struct todo *t)
{
	enum store_error e;

	t->now = (int64_t)time(NULL);
	index_rest(s);
	e = index_read(s);
	return e == STORE_OK ? account_each(s, todo_add, t) : e;
}

/* --- mirror ---------------------------------------------------------------------------------- */

static bool wants_mirror(const struct box_head *h, int64_t now)
{
	(void)now;
	return h->dirty > 0;
}

/* Renames one file to what its record says. 0, or an LMDB or errno. */
static int mirror_one(struct store *s, struct box *b, struct store_msg *m)
{
	char from[MSGNAME_MAX + 1], to[MSGNAME_MAX + 1];
	struct msgname name;
	struct str was;
	int rc = file_get(s, b->head.id, m->uid, &was);

	if (rc == 0 && (str_copy(was, from, sizeof from) == -1 || msgname_parse(was, &name) == -1))
		rc = MDB_CORRUPTED;
	if (rc != 0)
		return rc;
	name.uid = m->uid;
	name.size = m->disk;
	name.wire = m->size;
	name.flags = m->flags;
	name.keywords = m->keywords;
	msgname_format(&name, to);
	if (str_eq(str_of(from), str_of(to)))
		return 0;
	if (renameat2(b->cur, from, b->cur, to, RENAME_NOREPLACE) == -1) {
		/* somebody else has: the next scan will tell */
		return errno == ENOENT || errno == EEXIST ? 0 : errno;
	}
	b->touched = true;
	return file_rename(s, b->head.id, m->uid, to);
}

static int mirror_some(struct store *s, struct box *b, unsigned *budget)
{
	struct record_walk w;
	struct store_msg *m;
	uint32_t uid = 1;
	int rc = 0, rc2;

	record_begin(&w, s, b->head.id);
	while (rc == 0 && *budget > 0 && b->head.dirty > 0 && (m = record_next(&w, uid)) != NULL) {
		uid = m->uid + 1;
		if (!(m->flags & RECORD_DIRTY))
			continue;
		rc = mirror_one(s, b, m);
		if (rc != 0)
			break;
		m->flags &= ~(uint32_t)RECORD_DIRTY;
		record_touch(&w);
		b->head.dirty--;
		--*budget;
	}
	rc2 = record_end(&w);
	return rc != 0 ? rc : rc2;
}

static enum store_error mirror_box(struct store *s, uint32_t id, unsigned *budget)
{
	struct box b;
	enum store_error e = index_write(s, 0);

	if (e != STORE_OK)
		return e;
	box_init(&b);
	e = box_load(s, id, &b);
	if (e == STORE_OK)
		e = box_enter(s, &b);
	if (e == STORE_OK)
		e = index_error(s, mirror_some(s, &b, budget));
	if (e == STORE_OK)
		e = box_leave(s, &b);
	box_clear(&b);
	return index_end(s, e, false);
}

bool store_mirror(struct store *s, unsigned budget)
{
	struct todo t = { .wants = wants_mirror };

	enum store_error e = todo_fill(s, &t);

	for (size_t i = 0; i < t.n && budget > 0 && e == STORE_OK; i++)
		e = mirror_box(s, t.ids[i], &budget);
	free(t.ids);
	index_rest(s);
	syncer_rest(&s->sync);
	if (budget > 0)
		index_sync(s);
	return budget == 0;
}

/* --- clean ----------------------------------------------------------------------------------- */

static bool wants_clean(const struct box_head *h, int64_t now)
{
	return now - h->cleaned > CLEAN_EVERY || h->cleaned > now;
}

/* Removes files whose time (of the last rename or link, or of writing) is before `limit`. */
static void remove_old(int dir, int64_t limit, bool written)
{
	int fd = dir_open(dir, ".", false);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct stat st;

	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' || fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
		    S_ISDIR(st.st_mode))
			continue;
		if ((written ? st.st_mtim.tv_sec : st.st_ctim.tv_sec) < limit)
			unlinkat(fd, e->d_name, 0);
	}
	closedir(d);
}

/* A mailbox that was deleted: directories of files, no deeper. */
static void remove_mailbox(int parent, const char *name)
{
	static const char *const parts[] = { "cur", "new", "tmp", "gone" };
	int sub, dir = dir_open(parent, name, false);

	if (dir == -1)
		return;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		sub = dir_open(dir, parts[i], false);
		if (sub == -1)
			continue;
		remove_old(sub, INT64_MAX, false);
		close(sub);
		unlinkat(dir, parts[i], AT_REMOVEDIR);
	}
	remove_old(dir, INT64_MAX, false);
	close(dir);
	unlinkat(parent, name, AT_REMOVEDIR);
}

static void clean_deleted(struct store *s, int64_t now)
{
	int fd = dir_open(s->indexdir, "deleted", false);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct stat st;

	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISDIR(st.st_mode) && st.st_ctim.tv_sec < now - (int64_t)s->opt.gone_keep)
			remove_mailbox(fd, e->d_name);
	closedir(d);
}

static int forget_tombs(struct store *s, struct box *b)
{
	struct tomb_key from = tomb_make(b->head.id, 0, 0), key;
	uint64_t modseq;
	MDB_cursor *c;
	MDB_val k = { sizeof from, &from }, v;
	int rc;

	if (b->head.tombs <= TOMBS_MAX)
		return 0;
	rc = mdb_cursor_open(s->write, s->dbi[DBI_TOMBS], &c);
	if (rc != 0)
		return rc;
	while (b->head.tombs > TOMBS_KEEP && (rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE)) == 0 &&
	       k.mv_size == sizeof key) {
		memcpy(&key, k.mv_data, sizeof key);
		if (memcmp(key.box, from.box, sizeof key.box) != 0)
			break;
		modseq = 0;
		for (size_t i = 0; i < sizeof key.modseq; i++)
			modseq = modseq << 8 | key.modseq[i];
		b->head.forgotten = modseq;
		b->head.tombs--;
		rc = mdb_cursor_del(c, 0);
		if (rc != 0)
			break;
		k = (MDB_val){ sizeof from, &from };
	}
	mdb_cursor_close(c);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static void clean_box(struct store *s, uint32_t id, int64_t now)
{
	struct box b;
	enum store_error e = index_write(s, 0);

	if (e != STORE_OK)
		return;
	box_init(&b);
	e = box_load(s, id, &b);
	if (e == STORE_OK)
		e = index_error(s, forget_tombs(s, &b));
	b.head.cleaned = now;
	if (e == STORE_OK)
		e = box_save(s, &b);
	e = index_end(s, e, false);
	if (e == STORE_OK)
		e = box_open(s, &b);
	if (e == STORE_OK) {
		remove_old(b.tmp, now - TMP_KEEP, true);
		b.gone = dir_open(b.dir, "gone", false);
		if (b.gone != -1)
			remove_old(b.gone, now - (int64_t)s->opt.gone_keep, false);
	}
	box_clear(&b);
}

void store_clean(struct store *s)
{
	struct todo t = { .wants = wants_clean };
	int dead;

	if (todo_fill(s, &t) == STORE_OK && t.n > 0) {
		for (size_t i = 0; i < t.n; i++)
			clean_box(s, t.ids[i], t.now);
		clean_deleted(s, t.now);
		mdb_reader_check(s->env, &dead);
	}
	free(t.ids);
	index_rest(s);
}
