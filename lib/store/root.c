/*
 * Which mailboxes there are: what is in Maildir/ against what the index has. New directories become
 * mailboxes, renamed ones are known by their text file, missing ones are forgotten.
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
#include "base/id.h"

/* --- a new mailbox --------------------------------------------------------------------------- */

/* RFC 6154: names that are what they say, when they are at the top. */
static enum store_use usual_use(struct str name)
{
	for (enum store_use u = STORE_USE_NONE + 1; u < STORE_USES; u++)
		if (u != STORE_USE_ALL && u != STORE_USE_FLAGGED &&
		    str_caseeq(str_skip(str_of(store_use_name(u)), 1), name))
			return u;
	return STORE_USE_NONE;
}

/* Takes over the text file, or makes up what would be in it. True if it must be written. */
static bool identify(
    struct account *a, int64_t boot, const struct folder *f, enum store_use use, struct box *b)
{
	struct box_head *h = &b->head;
	struct boxfile file;
	time_t now = time(NULL);
	uint32_t validity = now > 0 && now < UINT32_MAX ? (uint32_t)now : 1;

	memset(h, 0, sizeof *h);
	h->fresh = FRESH_REBUILD;
	h->uidnext = h->recent_uid = 1;
	h->modseq = 1;
	if (box_read_file(b->dir, &b->arena, &file) == 0) {
		h->object = file.id;
		h->uidvalidity = file.uidvalidity;
		h->uidfloor = file.uidfloor;
		h->modseqceiling = file.modseqceiling;
		h->use = file.use;
		for (uint32_t i = 0; i < STORE_KEYWORDS_MAX; i++) {
			b->keywords[i] = file.keywords[i];
			if (file.keywords[i].n > 0)
				b->nkeywords = i + 1;
		}
		if (a->uidvalidity < file.uidvalidity)
			a->uidvalidity = file.uidvalidity;
		return false;
	}
	h->fresh = FRESH_NEW;
	h->boot = boot;
	if (validity <= a->uidvalidity)
		validity = a->uidvalidity + 1;
	a->uidvalidity = validity;
	h->object = id_random();
	h->uidvalidity = validity;
	h->uidfloor = h->uidnext;
	h->modseqceiling = h->modseq;
	h->use = use != STORE_USE_NONE ? use : usual_use(folder_name(f));
	return true;
}

enum store_error account_add(
    struct store *s, const struct folder *f, enum store_use use, struct box *b)
{
	struct account a;
	enum store_error e;
	bool write;
	int rc = account_get(s, &a);

	if (rc != 0)
		return index_error(s, rc);
	if (a.boxes >= STORE_MAILBOXES_MAX)
		return STORE_LIMIT;
	b->folder = *f;
	e = box_open(s, b);
	if (e != STORE_OK)
		return e;
	write = identify(&a, s->boot, f, use, b);
	b->head.id = a.next_id++;
	a.boxes++;
	rc = account_put(s, &a);
	if (rc == 0)
		rc = account_name_put(s, folder_name(f), b->head.id);
	if (rc != 0)
		return index_error(s, rc);
	b->had_disk = b->had_messages = 0;
	e = write ? box_reserve(s, b, 1) : STORE_OK;
	return e == STORE_OK ? box_save_info(s, b) : e;
}

/* --- what is in Maildir/ --------------------------------------------------------------------- */

struct listed {
	uint32_t id;
	uint64_t object;
	struct str dir; /* scratch */
	bool present;
};

struct root {
	struct store *s;
	struct listed *l; /* what the index has */
	size_t n, cap;
	struct str *fresh; /* directories it does not have */
	size_t nfresh, fresh_cap;
};

static enum store_error list_known(struct store *s, uint32_t id, struct str name, void *arg)
{
	struct root *r = arg;
	enum store_error e;
	struct box b;

	(void)name;
	if (r->n == r->cap) {
		r->cap = r->cap == 0 ? 64 : r->cap * 2;
		r->l = xreallocarray(r->l, r->cap, sizeof r->l[0]);
	}
	box_init(&b);
	e = box_load(s, id, &b);
	if (e == STORE_OK)
		r->l[r->n++] = (struct listed){ .id = id,
			.object = b.head.object,
			.dir = arena_str(&s->scratch, folder_dir(&b.folder)) };
	box_clear(&b);
	return e;
}

static int listed_order(const void *a, const void *b)
{
	return str_cmp(((const struct listed *)a)->dir, ((const struct listed *)b)->dir);
}

static void root_entry(struct root *r, struct str dir)
{
	struct listed want = { .dir = dir };
	struct listed *l = r->n == 0 ? NULL : bsearch(&want, r->l, r->n, sizeof want, listed_order);

	if (l != NULL) {
		l->present = true;
		return;
	}
	if (r->nfresh == r->fresh_cap) {
		r->fresh_cap = r->fresh_cap == 0 ? 64 : r->fresh_cap * 2;
		r->fresh = xreallocarray(r->fresh, r->fresh_cap, sizeof r->fresh[0]);
	}
	r->fresh[r->nfresh++] = arena_str(&r->s->scratch, dir);
}

static int list_root(struct root *r)
{
	int fd = dir_open(r->s->maildir, ".", false);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct stat st;
	int err;

	if (d == NULL)
		return errno;
	root_entry(r, STR_NONE); /* INBOX is Maildir/ itself */
	while (errno = 0, (e = readdir(d)) != NULL) {
		struct str name = str_of(e->d_name);

		if (name.p[0] != '.' || name.n == 1 || str_eq(name, STR("..")))
			continue;
		if (e->d_type != DT_DIR &&
		    (e->d_type != DT_UNKNOWN ||
			fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
			!S_ISDIR(st.st_mode)))
			continue;
		root_entry(r, str_skip(name, 1));
	}
	err = errno;
	closedir(d);
	return err;
}

/* A mailbox of the index whose directory is missing now has this one. */
static enum store_error moved(struct root *r, struct listed *l, const struct folder *f)
{
	struct box b;
	enum store_error e;
	int rc;

	box_init(&b);
	e = box_load(r->s, l->id, &b);
	if (e == STORE_OK) {
		rc = account_name_del(r->s, folder_name(&b.folder));
		b.folder = *f;
		if (rc == 0)
			rc = account_name_put(r->s, folder_name(f), l->id);
		e = rc == 0 ? box_save_info(r->s, &b) : index_error(r->s, rc);
	}
	l->present = true;
	box_clear(&b);
	return e;
}

static enum store_error add_found(struct root *r, const struct folder *f)
{
	struct store *s = r->s;
	struct boxfile file = { 0 };
	enum store_error e;
	struct box b;
	uint32_t id;

	if (account_name_get(s, folder_name(f), &id) == 0)
		return STORE_NONAME; /* two directories for one name */
	box_init(&b);
	b.folder = *f;
	e = box_open(s, &b);
	if (e == STORE_OK && box_read_file(b.dir, &b.arena, &file) == 0) {
		for (size_t i = 0; i < r->n; i++) {
			if (r->l[i].object != file.id)
				continue;
			/* a copy of a mailbox that is still there must not be it */
			if (!r->l[i].present) {
				e = moved(r, &r->l[i], f);
				box_clear(&b);
				return e;
			}
			unlinkat(b.dir, BOXFILE_NAME, 0);
		}
	}
	if (e == STORE_OK)
		e = account_add(s, f, STORE_USE_NONE, &b);
	box_clear(&b);
	return e;
}

static enum store_error settle_root(struct root *r)
{
	enum store_error e = STORE_OK;
	struct folder f;
	struct box b;

	for (size_t i = 0; i < r->nfresh && e == STORE_OK; i++) {
		e = folder_from_dir(r->fresh[i], &f) == -1 ? STORE_NONAME : add_found(r, &f);
		if (e == STORE_NONAME || e == STORE_GONE || (e == STORE_IO && errno != EIO)) {
			store_report(r->s, "mailbox-skipped", r->fresh[i], errno);
			e = r->s->damaged ? STORE_IO : STORE_OK;
		}
	}
	for (size_t i = 0; i < r->n && e == STORE_OK; i++) {
		if (r->l[i].present)
			continue;
		box_init(&b);
		e = box_load(r->s, r->l[i].id, &b);
		if (e == STORE_OK)
			e = account_drop(r->s, &b);
		box_clear(&b);
	}
	return e;
}

static enum store_error first_account(struct store *s)
{
	struct account a = { .format = ACCOUNT_FORMAT, .next_id = 1 };
	int rc = account_get(s, &a);

	if (rc != MDB_NOTFOUND)
		return index_error(s, rc);
	a = (struct account){ .format = ACCOUNT_FORMAT, .next_id = 1 };
	return index_error(s, account_put(s, &a));
}

enum store_error account_scan(struct store *s)
{
	struct root r = { .s = s };
	struct account a;
	struct stat st;
	enum store_error e = first_account(s);
	int rc;

	if (e == STORE_OK)
		e = account_each(s, list_known, &r);
	if (e == STORE_OK && fstat(s->maildir, &st) == -1)
		e = index_error(s, errno);
	if (r.n > 0)
		qsort(r.l, r.n, sizeof r.l[0], listed_order);
	if (e == STORE_OK)
		e = index_error(s, list_root(&r));
	if (e == STORE_OK)
		e = settle_root(&r);
	if (e == STORE_OK) {
		/* our own text files may have changed it since: then it will be looked at again */
		rc = account_get(s, &a);
		a.root_inode = st.st_ino;
		a.root_time = time_ns(&st.st_mtim);
		a.root_checked = now_ns();
		e = index_error(s, rc != 0 ? rc : account_put(s, &a));
	}
	free(r.l);
	free(r.fresh);
	arena_reset(&s->scratch);
	return e;
}
