/*
 * Files become messages: each is looked at, gets a UID in order of arrival, a full name in cur/,
 * a record and an entry of its name in the index.
 */
#include "store/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

void found_push(struct found_list *l, const struct found *f)
{
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 64 : l->cap * 2;
		l->f = xreallocarray(l->f, l->cap, sizeof l->f[0]);
	}
	l->f[l->n++] = *f;
}

/* Kept UIDs first, by UID; then by time of arrival. */
static int found_order(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if ((x->uid != 0) != (y->uid != 0))
		return x->uid != 0 ? -1 : 1;
	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	if (x->mtime != y->mtime)
		return x->mtime < y->mtime ? -1 : 1;
	return str_cmp(x->name, y->name);
}

int each_entry(int dir, void (*fn)(void *arg, struct str name), void *arg)
{
	int fd = dir_open(dir, ".", false);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;
	int err;

	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return -1;
	}
	while (errno = 0, (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			fn(arg, str_of(e->d_name));
	err = errno;
	closedir(d);
	errno = err;
	return err == 0 ? 0 : -1;
}

/* --- one file becomes a message -------------------------------------------------------------- */

/* Counts the CRLF size of a file whose name does not say it. 0, or errno. */
static int count_wire(const struct found *f, uint32_t *wire)
{
	char block[16384];
	uint64_t total = 0;
	bool after_cr = false;
	ssize_t n = -1;
	int fd =
	    openat(f->dir, f->name.p, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd == -1)
		return errno;
	while ((n = read(fd, block, sizeof block)) > 0)
		total += store_wire_size(block, (size_t)n, &after_cr);
	if (n == -1 || total > STORE_MESSAGE_MAX)
		n = n == -1 ? errno : EFBIG;
	close(fd);
	*wire = (uint32_t)total;
	return (int)n;
}

int found_look(struct found *f)
{
	struct stat st;

	if (fstatat(f->dir, f->name.p, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EINVAL;
	if ((uint64_t)st.st_size > STORE_MESSAGE_MAX)
		return EFBIG;
	if ((st.st_mode & 0400) == 0)
		return EACCES;
	f->mtime = time_ns(&st.st_mtim);
	f->size = (uint32_t)st.st_size;
	return 0;
}

struct adopter {
	struct store *s;
	struct box *b;
	struct record_walk w;
	uint64_t modseq;
	enum store_error error;
};

/* Renames the file to its full name in cur/ and writes record and name. 0, or an LMDB or errno. */
static int adopt_file(struct adopter *a, struct found *f, uint32_t uid)
{
	struct msgname m = f->parsed;
	struct store_msg rec = { .uid = uid, .modseq = a->modseq };
	char unique[MSGNAME_NEW], full[MSGNAME_MAX + 1];
	int rc = 0;

	m.uid = rec.uid;
	if (m.base.n > MSGNAME_BASE) {
		msgname_unique(unique);
		m.base = str_of(unique);
	}
	if (m.flags & STORE_RAW)
		m.wire = f->size;
	else if (!m.has_wire || !m.has_size || m.size != f->size)
		rc = count_wire(f, &m.wire);
	m.size = f->size;
	if (rc != 0)
		return rc;
	msgname_format(&m, full);
	if (f->dir != a->b->cur || !str_eq(f->name, str_of(full))) {
		if (renameat2(f->dir, f->name.p, a->b->cur, full, RENAME_NOREPLACE) == -1)
			return errno;
		a->b->touched = true;
	}
	rec.flags = m.flags;
	rec.keywords = m.keywords;
	rec.size = m.wire;
	rec.disk = m.size;
	rec.date = (int64_t)(f->mtime / 1000000000);
	rc = file_put(a->s, a->b->head.id, rec.uid, full, (int64_t)time(NULL));
	if (rc == 0) {
		record_add(&a->w, &rec);
		rc = a->w.rc;
	}
	if (rc == 0)
		box_count(a->b, &rec, 1);
	return rc;
}

bool found_skippable(int rc)
{
	return rc == ENOENT || rc == EINVAL || rc == EFBIG || rc == EACCES || rc == EPERM ||
	       rc == ELOOP || rc == EISDIR || rc == ENXIO || rc == EEXIST || rc == ENODEV;
}

static void adopt_one(struct adopter *a, struct found *f)
{
	struct box_head *h = &a->b->head;
	uint32_t uid = f->uid >= h->uidnext ? f->uid : h->uidnext;
	int rc;

	if (a->error != STORE_OK)
		return;
	rc = adopt_file(a, f, uid);
	if (rc == 0) {
		h->uidnext = uid + 1;
	} else if (rc > 0 && found_skippable(rc)) {
		if (rc != ENOENT)
			store_report(a->s, "message-skipped", f->name, rc);
	} else {
		a->error = index_error(a->s, rc);
	}
}

/* UIDs that two files claim belong to neither; sorts and returns how many keep theirs. */
static size_t order(struct found_list *l)
{
	size_t kept = 0;

	qsort(l->f, l->n, sizeof l->f[0], found_order);
	for (size_t i = 1; i < l->n; i++)
		if (l->f[i].uid != 0 && l->f[i].uid == l->f[i - 1].uid)
			l->f[i].uid = 0;
	qsort(l->f, l->n, sizeof l->f[0], found_order);
	while (kept < l->n && l->f[kept].uid != 0)
		kept++;
	return kept;
}

enum store_error adopt_all(struct store *s, struct box *b, struct found_list *l, bool jump)
{
	struct adopter a = { .s = s, .b = b };
	uint32_t before = b->head.messages;
	size_t kept;
	int rc;

	if (l->n > UINT32_MAX / 2)
		return STORE_LIMIT;
	kept = l->n > 0 ? order(l) : 0;
	if (l->n > 0)
		a.error = box_reserve(s, b, 0);
	a.modseq = b->head.modseq + 1;
	record_begin(&a.w, s, b->head.id);
	for (size_t i = 0; i < kept; i++)
		adopt_one(&a, &l->f[i]);
	if (jump && b->head.uidnext < b->head.uidfloor)
		b->head.uidnext = b->head.uidfloor;
	if (l->n > kept && a.error == STORE_OK)
		a.error = box_reserve(s, b, (uint32_t)(l->n - kept));
	for (size_t i = kept; i < l->n; i++)
		adopt_one(&a, &l->f[i]);
	rc = record_end(&a.w);
	if (b->head.messages != before)
		b->head.modseq = a.modseq;
	return a.error != STORE_OK ? a.error : index_error(s, rc);
}

/* --- new/ ------------------------------------------------------------------------------------ */

struct lister {
	struct store *s;
	int dir;
	struct found_list list;
	size_t entries;
};

static void list_new(void *arg, struct str name)
{
	struct lister *l = arg;
	struct found f = { .dir = l->dir };
	int rc;

	f.name = arena_str(&l->s->scratch, name);
	rc = msgname_parse(f.name, &f.parsed) == -1 ? EINVAL : found_look(&f);
	if (rc == 0)
		found_push(&l->list, &f);
	else if (rc != ENOENT)
		store_report(l->s, "message-skipped", f.name, rc);
}

enum store_error scan_new(struct store *s, struct box *b)
{
	enum { ROUNDS = 4 };
	struct lister l = { .s = s, .dir = b->new };
	enum store_error e = STORE_OK;
	struct stat st;
	size_t taken = 1;

	/* our own renames change the mtime: list again until there is nothing to take */
	for (int i = 0; i < ROUNDS && taken > 0 && e == STORE_OK; i++) {
		uint32_t before = b->head.messages;

		l.list.n = 0;
		if (fstat(b->new, &st) == -1 || each_entry(b->new, list_new, &l) == -1) {
			e = index_error(s, errno);
			break;
		}
		e = adopt_all(s, b, &l.list, false);
		taken = b->head.messages - before;
	}
	if (e == STORE_OK) {
		b->head.new_inode = st.st_ino;
		b->head.new_time = time_ns(&st.st_mtim);
		b->head.new_checked = now_ns();
	}
	free(l.list.f);
	arena_reset(&s->scratch);
	return e;
}
