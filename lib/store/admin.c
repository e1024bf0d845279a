/* CREATE, DELETE, RENAME of mailboxes, and their special use. */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

struct dir_name {
	char z[FOLDER_BYTES + 2];
};

/* As it stands in Maildir/: with its dot. */
static struct dir_name dir_name(const struct folder *f)
{
	struct dir_name d;

	snprintf(d.z, sizeof d.z, ".%s", f->dir);
	return d;
}

static bool is_inbox(const struct folder *f)
{
	return f->ndir == 0;
}

/* Names in the index and directories in Maildir/ agree at the start of every change here. */
static enum store_error begin(struct store *s)
{
	enum store_error e = account_sync(s);

	return e == STORE_OK ? index_write(s, 0) : e;
}

/* --- CREATE ---------------------------------------------------------------------------------- */

static enum store_error make_dirs(struct store *s, const struct folder *f)
{
	struct dir_name name = dir_name(f);
	int dir, fd;

	if (mkdirat(s->maildir, name.z, DIR_MODE) == -1)
		return errno == EEXIST ? STORE_EXISTS : index_error(s, errno);
	dir = dir_open(s->maildir, name.z, false);
	if (dir == -1)
		return index_error(s, errno);
	/* tells Maildir++ programs that this is a folder */
	fd = openat(dir, "maildirfolder", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (fd != -1)
		close(fd);
	close(dir);
	return fd == -1 ? index_error(s, errno) : STORE_OK;
}

/* A mailbox that could not be completed: nothing has been put into it. */
static void remove_dirs(struct store *s, const struct folder *f)
{
	static const struct {
		const char *name;
		int flags;
	} parts[] = { { "maildirfolder", 0 }, { BOXFILE_NAME, 0 }, { "cur", AT_REMOVEDIR },
		{ "new", AT_REMOVEDIR }, { "tmp", AT_REMOVEDIR } };
	struct dir_name name = dir_name(f);
	int e = errno, dir = dir_open(s->maildir, name.z, false);

	if (dir != -1) {
		for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
			unlinkat(dir, parts[i].name, parts[i].flags);
		close(dir);
		unlinkat(s->maildir, name.z, AT_REMOVEDIR);
	}
	errno = e;
}

static enum store_error create_in(struct store *s, const struct folder *f, enum store_use use)
{
	bool known = account_root_known(s);
	enum store_error e;
	struct box b;
	uint32_t id;

	if (is_inbox(f) || account_name_get(s, folder_name(f), &id) == 0)
		return STORE_EXISTS;
	e = make_dirs(s, f);
	if (e == STORE_EXISTS)
		return e;
	box_init(&b);
	if (e == STORE_OK)
		e = account_add(s, f, use, &b);
	box_clear(&b);
	if (e == STORE_OK && fsync(s->maildir) == -1)
		e = index_error(s, errno);
	if (e == STORE_OK)
		e = account_root_mark(s, known);
	if (e != STORE_OK)
		remove_dirs(s, f);
	return e;
}

enum store_error store_create(struct store *s, struct str name, enum store_use use)
{
	struct folder f;
	enum store_error e;

	if (str_ends(name, STR("/")))
		name = str_take(name, name.n - 1);
	if (folder_from_name(name, true, &f) == -1)
		return STORE_NONAME;
	e = begin(s);
	if (e != STORE_OK)
		return e;
	e = create_in(s, &f, use);
	if (e == STORE_OK) {
		e = index_commit(s, true);
		if (e != STORE_OK)
			remove_dirs(s, &f);
	}
	if (e != STORE_OK)
		index_abort(s);
	return e;
}

enum store_error store_set_use(struct store *s, struct str name, enum store_use use)
{
	enum store_error e = begin(s);
	struct box b;
	uint32_t id;

	if (e != STORE_OK)
		return e;
	box_init(&b);
	e = account_find(s, name, &id);
	if (e == STORE_OK)
		e = box_load(s, id, &b);
	b.head.use = use;
	if (e == STORE_OK)
		e = box_write_file(s, &b);
	if (e == STORE_OK)
		e = box_save(s, &b);
	box_clear(&b);
	return index_end(s, e, true);
}

/* --- DELETE ---------------------------------------------------------------------------------- */

/* Deletes every key from `from` on for which mine(key) holds. */
static int drop_range(struct store *s, unsigned dbi, const void *from, size_t nfrom,
    bool (*mine)(const void *from, const MDB_val *k))
{
	MDB_val k = { nfrom, (void *)(uintptr_t)from }, v;
	MDB_cursor *c;
	int rc = mdb_cursor_open(s->write, s->dbi[dbi], &c);

	if (rc != 0)
		return rc;
	while ((rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE)) == 0 && mine(from, &k)) {
		rc = mdb_cursor_del(c, 0);
		if (rc != 0)
			break;
		k = (MDB_val){ nfrom, (void *)(uintptr_t)from };
	}
	mdb_cursor_close(c);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static bool same_box_number(const void *from, const MDB_val *k)
{
	uint64_t want, got;

	if (k->mv_size != sizeof got)
		return false;
	memcpy(&want, from, sizeof want);
	memcpy(&got, k->mv_data, sizeof got);
	return got >> 32 == want >> 32;
}

static bool same_box_tomb(const void *from, const MDB_val *k)
{
	const struct tomb_key *want = from;

	return k->mv_size == sizeof *want && memcmp(want->box, k->mv_data, sizeof want->box) == 0;
}

static int drop_numbered(struct store *s, unsigned dbi, uint32_t box)
{
	uint64_t key = msg_key(box, 0);

	return drop_range(s, dbi, &key, sizeof key, same_box_number);
}

enum store_error account_drop(struct store *s, struct box *b)
{
	struct tomb_key tomb = tomb_make(b->head.id, 0, 0);
	uint8_t key[5] = { 'b' };
	struct account a;
	int rc = account_get(s, &a);

	memcpy(key + 1, tomb.box, sizeof tomb.box);
	a.boxes--;
	a.bytes -= b->had_disk;
	a.messages -= b->had_messages;
	if (rc == 0)
		rc = account_put(s, &a);
	if (rc == 0)
		rc = account_name_del(s, folder_name(&b->folder));
	if (rc == 0)
		rc = index_del(s, DBI_META, key, sizeof key);
	key[0] = 'i';
	if (rc == 0)
		rc = index_del(s, DBI_META, key, sizeof key);
	if (rc == 0)
		rc = drop_range(s, DBI_TOMBS, &tomb, sizeof tomb, same_box_tomb);
	if (rc == 0)
		rc = drop_numbered(s, DBI_RECS, b->head.id);
	if (rc == 0)
		rc = drop_numbered(s, DBI_FILES, b->head.id);
	for (unsigned i = 0; i < STORE_ITEMS && rc == 0; i++)
		rc = drop_numbered(s, DBI_ITEMS + i, b->head.id);
	return index_error(s, rc);
}

/* The directory goes aside, from where store_clean() removes it. */
static enum store_error delete_in(struct store *s, struct box *b)
{
	struct dir_name name = dir_name(&b->folder);
	bool known = account_root_known(s);
	enum store_error e = STORE_OK;
	char aside[MSGNAME_NEW];
	int to = dir_open(s->indexdir, "deleted", true);

	if (to == -1)
		return index_error(s, errno);
	msgname_unique(aside);
	if (renameat(s->maildir, name.z, to, aside) == -1)
		e = index_error(s, errno);
	else if (fsync(to) == -1 || fsync(s->maildir) == -1)
		e = index_error(s, errno);
	if (e == STORE_OK)
		e = account_drop(s, b);
	if (e == STORE_OK)
		e = account_root_mark(s, known);
	if (e == STORE_OK)
		e = index_commit(s, true);
	if (e != STORE_OK) {
		int err = errno;

		renameat(to, aside, s->maildir, name.z);
		errno = err;
	}
	close(to);
	return e;
}

enum store_error store_delete(struct store *s, struct str name)
{
	struct box b;
	enum store_error e;
	uint32_t id;

	e = begin(s);
	if (e != STORE_OK)
		return e;
	box_init(&b);
	e = account_find(s, name, &id);
	if (e == STORE_NOSELECT)
		e = STORE_INUSE;
	if (e == STORE_OK)
		e = box_load(s, id, &b);
	if (e == STORE_OK && is_inbox(&b.folder))
		e = STORE_INUSE;
	if (e == STORE_OK)
		e = delete_in(s, &b);
	if (e != STORE_OK)
		index_abort(s);
	box_clear(&b);
	return e;
}

/* --- RENAME ---------------------------------------------------------------------------------- */

struct moving {
	uint32_t id;
	struct folder from, to;
	bool done;
};

struct rename {
	struct str from, to; /* full names */
	struct moving *m;
	size_t n, cap;
};

static enum store_error collect(struct store *s, uint32_t id, struct str name, void *arg)
{
	struct rename *r = arg;
	struct moving *m;
	struct box b;
	enum store_error e;
	char space[2 * FOLDER_BYTES + 2];
	int n;

	if (!str_eq(name, r->from) && !folder_below(name, r->from))
		return STORE_OK;
	if (r->n == r->cap) {
		r->cap = r->cap == 0 ? 16 : r->cap * 2;
		r->m = xreallocarray(r->m, r->cap, sizeof r->m[0]);
	}
	m = &r->m[r->n];
	n = snprintf(
	    space, sizeof space, "%.*s%.*s", STR_ARG(r->to), STR_ARG(str_skip(name, r->from.n)));
	if (n < 0 || folder_from_name(str_bytes(space, (size_t)n), false, &m->to) == -1)
		return STORE_NONAME;
	box_init(&b);
	e = box_load(s, id, &b);
	m->id = id;
	m->from = b.folder;
	m->done = false;
	box_clear(&b);
	if (e == STORE_OK)
		r->n++;
	return e;
}

/* A new name must not be taken, except by a mailbox that moves away itself: those come first. */
static int deepest_first(const void *a, const void *b)
{
	const struct moving *x = a, *y = b;

	return (x->from.nname < y->from.nname) - (x->from.nname > y->from.nname);
}

static enum store_error move_one(struct store *s, struct moving *m)
{
	struct dir_name from = dir_name(&m->from), to = dir_name(&m->to);
	struct box b;
	enum store_error e;
	uint32_t id;
	int rc = account_name_get(s, folder_name(&m->to), &id);

	if (rc != MDB_NOTFOUND)
		return rc == 0 ? STORE_EXISTS : index_error(s, rc);
	if (renameat2(s->maildir, from.z, s->maildir, to.z, RENAME_NOREPLACE) == -1)
		return errno == EEXIST ? STORE_EXISTS : index_error(s, errno);
	m->done = true;
	box_init(&b);
	e = box_load(s, m->id, &b);
	b.folder = m->to;
	if (e == STORE_OK)
		e = index_error(s, account_name_del(s, folder_name(&m->from)));
	if (e == STORE_OK)
		e = index_error(s, account_name_put(s, folder_name(&m->to), m->id));
	if (e == STORE_OK)
		e = box_save_info(s, &b);
	box_clear(&b);
	return e;
}

static void move_back(struct store *s, struct rename *r)
{
	int e = errno;

	for (size_t i = r->n; i-- > 0;) {
		struct dir_name from = dir_name(&r->m[i].from), to = dir_name(&r->m[i].to);

		if (r->m[i].done)
			renameat(s->maildir, to.z, s->maildir, from.z);
	}
	errno = e;
}

static enum store_error rename_in(struct store *s, struct rename *r)
{
	bool known = account_root_known(s);
	enum store_error e = account_each(s, collect, r);
	uint32_t id;

	if (e == STORE_OK && account_name_get(s, r->to, &id) == 0)
		e = STORE_EXISTS;
	if (e == STORE_OK && r->n == 0)
		e = STORE_NOTFOUND;
	if (e != STORE_OK)
		return e;
	qsort(r->m, r->n, sizeof r->m[0], deepest_first);
	for (size_t i = 0; i < r->n && e == STORE_OK; i++)
		e = move_one(s, &r->m[i]);
	if (e == STORE_OK && fsync(s->maildir) == -1)
		e = index_error(s, errno);
	if (e == STORE_OK)
		e = account_root_mark(s, known);
	if (e == STORE_OK)
		e = index_commit(s, true);
	if (e != STORE_OK)
		move_back(s, r);
	return e;
}

/* RFC 3501: INBOX gives its messages to the new mailbox, and stays. */
static enum store_error rename_inbox(struct store *s, const struct folder *to)
{
	struct store_view *v;
	struct store_copied copied;
	uint32_t *idx;
	enum store_error e = store_create(s, folder_name(to), STORE_USE_NONE);

	if (e == STORE_OK)
		e = store_select(s, STR("INBOX"), true, &v);
	if (e != STORE_OK)
		return e;
	idx = xcalloc(v->n, sizeof idx[0]);
	for (uint32_t i = 0; i < v->n; i++)
		idx[i] = i;
	e = store_copy(v, idx, v->n, folder_name(to), true, &copied);
	free(idx);
	store_unselect(v);
	return e;
}

enum store_error store_rename(struct store *s, struct str from, struct str to)
{
	struct rename r = { 0 };
	struct folder f, t;
	enum store_error e;

	if (str_ends(to, STR("/")))
		to = str_take(to, to.n - 1);
	if (folder_from_name(from, false, &f) == -1 || folder_from_name(to, true, &t) == -1)
		return STORE_NONAME;
	if (is_inbox(&t))
		return STORE_EXISTS;
	if (is_inbox(&f))
		return rename_inbox(s, &t);
	r.from = folder_name(&f);
	r.to = folder_name(&t);
	e = begin(s);
	if (e != STORE_OK)
		return e;
	e = rename_in(s, &r);
	if (e != STORE_OK)
		index_abort(s);
	free(r.m);
	return e;
}
