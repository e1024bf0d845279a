/*
 * APPEND. Messages are written to tmp/ as they come. The commit names them all, moves them to cur/,
 * and syncs while the index commits: all that was done is in one commit of the file system's journal.
 * So a message that was promised is on disk under a name that says UID and flags, whatever happens
 * to the index.
 *
 * Until then others may see it, and a power cut may leave any part of it. Its content is on the disk
 * before it gets its name (written back, not synced: metadata of it may be missing). On ext4 and XFS
 * the journal keeps the order, so whoever syncs its name (a copy of it, say) has all of it. Where
 * that is not so a name may come back with less than its ",S=" says, or a record without a file:
 * nothing was promised, and the scan after the reboot lets nobody see it.
 */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crash.h"

enum { BLOCK = 64 * 1024, BATCH_MAX = 10000 };

struct adding {
	struct adding *next;
	char tmp[MSGNAME_NEW]; /* also the first part of its name */
	char full[MSGNAME_MAX + 1];
	struct store_msg rec;
	struct str *keywords; /* in the batch's arena */
	size_t nkeywords;
	bool placed; /* is in cur/ under `full` */
};

struct store_batch {
	struct store *s;
	struct box box;
	struct arena arena;
	struct adding *first, *last;
	uint32_t n;
	enum store_error error; /* the first one; everything after it is refused */
	int err;
	/* the message that is being written */
	int fd;
	bool raw, cr; /* cr: a CR is held back until the next byte is known */
	uint64_t wire, disk;
	struct buf out;
};

static enum store_error fail(struct store_batch *b, enum store_error e)
{
	if (b->error == STORE_OK) {
		b->error = e;
		b->err = errno;
	}
	return b->error;
}

static enum store_error fail_errno(struct store_batch *b)
{
	return fail(b, index_error(b->s, errno));
}

enum store_error store_append_begin(struct store *s, struct str mailbox, struct store_batch **out)
{
	struct store_batch *b;
	enum store_error e;
	uint32_t id;

	*out = NULL;
	index_rest(s);
	e = account_sync(s);
	if (e == STORE_OK)
		e = account_find(s, mailbox, &id);
	if (e != STORE_OK)
		return e;
	b = xcalloc(1, sizeof *b);
	b->s = s;
	b->fd = -1;
	box_init(&b->box);
	arena_init(&b->arena);
	buf_init(&b->out, 2 * BLOCK);
	e = box_load(s, id, &b->box);
	if (e == STORE_OK)
		e = box_open(s, &b->box);
	if (e == STORE_OK)
		*out = b;
	else
		store_append_abort(b);
	return e;
}

/* --- content --------------------------------------------------------------------------------- */

static int write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w == -1 && errno == EINTR)
			continue;
		if (w <= 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static enum store_error flush(struct store_batch *b)
{
	if (b->out.n > 0 && write_all(b->fd, b->out.p, b->out.n) == -1)
		return fail_errno(b);
	b->disk += b->out.n;
	buf_reset(&b->out);
	return STORE_OK;
}

/*
 * A bare CR or LF: the message is to be stored as it came. What was written so far had CRLF only,
 * so it can be made good by writing it again.
 */
static enum store_error turn_raw(struct store_batch *b)
{
	char block[BLOCK / 4];
	struct buf whole;
	off_t at = 0;
	ssize_t n;
	bool after_cr = false;
	enum store_error e = flush(b);
	int to;

	if (e != STORE_OK)
		return e;
	buf_init(&whole, BLOCK);
	to = openat(b->box.tmp, b->last->tmp, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (to == -1 || unlinkat(b->box.tmp, b->last->tmp, 0) == -1) {
		e = fail_errno(b);
		if (to != -1)
			close(to);
		return e;
	}
	close(b->fd);
	b->fd = openat(b->box.tmp, b->last->tmp,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	b->disk = 0;
	while (b->fd != -1 && (n = pread(to, block, sizeof block, at)) > 0) {
		at += n;
		buf_reset(&whole);
		store_wire_put(&whole, block, (size_t)n, &after_cr);
		if (write_all(b->fd, whole.p, whole.n) == -1)
			break;
		b->disk += whole.n;
		n = 0;
	}
	if (b->fd == -1 || n != 0)
		e = fail_errno(b);
	close(to);
	buf_clear(&whole);
	b->raw = true;
	return e;
}

/* Finds the first bare CR or LF; *cr as carried over. Returns n if there is none. */
static size_t find_bare(const char *p, size_t n, bool cr)
{
	size_t i = 0;

	if (n > 0 && cr) {
		if (p[0] != '\n')
			return 0;
		i = 1;
	}
	while (i < n) {
		const char *lf = memchr(p + i, '\n', n - i);
		size_t end = lf != NULL ? (size_t)(lf - p) : n;
		const char *c = memchr(p + i, '\r', end - i);

		if (c != NULL && (size_t)(c - p) + 1 < end)
			return (size_t)(c - p);
		if (lf != NULL && c == NULL)
			return end;
		i = end + 1;
	}
	return n;
}

/* Writes p without the CRs before LFs; there is no bare one in it. A CR at the end is held back. */
static enum store_error put_lf(struct store_batch *b, const char *p, size_t n)
{
	const char *end = p + n, *cr;

	while (p < end) {
		size_t part = (size_t)(end - p) < BLOCK ? (size_t)(end - p) : BLOCK;

		cr = memchr(p, '\r', part);
		buf_put(&b->out, p, cr != NULL ? (size_t)(cr - p) : part);
		p = cr != NULL ? cr + 1 : p + part;
		b->cr = cr != NULL && p == end;
		if (b->out.n >= BLOCK && flush(b) != STORE_OK)
			return b->error;
	}
	return STORE_OK;
}

static enum store_error put_raw(struct store_batch *b, const char *p, size_t n)
{
	enum store_error e = flush(b);

	if (e == STORE_OK && write_all(b->fd, p, n) == -1)
		e = fail_errno(b);
	b->disk += n;
	return e;
}

enum store_error store_append_write(struct store_batch *b, const void *p, size_t n)
{
	bool held = b->cr;

	if (b->error != STORE_OK || n == 0)
		return b->error;
	b->wire += n;
	if (b->wire > STORE_MESSAGE_MAX)
		return fail(b, STORE_TOOBIG);
	if (!b->raw && find_bare(p, n, held) == n) {
		if (held)
			b->cr = false;
		return put_lf(b, p, n);
	}
	if (!b->raw && turn_raw(b) != STORE_OK)
		return b->error;
	b->cr = false;
	if (held && put_raw(b, "\r", 1) != STORE_OK)
		return b->error;
	return put_raw(b, p, n);
}

/* --- one message ----------------------------------------------------------------------------- */

/* The message is complete: written, with its date. */
static enum store_error finish(struct store_batch *b)
{
	struct store_msg *m;
	struct timespec times[2];

	if (b->error != STORE_OK || b->fd == -1)
		return b->error;
	m = &b->last->rec;
	if (b->cr) { /* a CR was the last byte */
		if (turn_raw(b) != STORE_OK || put_raw(b, "\r", 1) != STORE_OK)
			return b->error;
		b->cr = false;
	}
	if (flush(b) != STORE_OK)
		return b->error;
	times[0] = times[1] = (struct timespec){ .tv_sec = m->date };
	if (futimens(b->fd, times) == -1)
		return fail_errno(b);
	m->size = (uint32_t)b->wire;
	m->disk = (uint32_t)b->disk;
	if (b->raw)
		m->flags |= STORE_RAW;
	return STORE_OK;
}

/* Another one follows. It is synced here; the last one is when the commit does. */
static enum store_error finish_one(struct store_batch *b)
{
	int fd = b->fd;

	if (finish(b) != STORE_OK || fd == -1)
		return b->error;
	if (fsync(fd) == -1)
		return fail_errno(b);
	b->fd = -1;
	return close(fd) == -1 ? fail_errno(b) : STORE_OK;
}

/* Waits until what was written is on the disk. */
static enum store_error write_back(struct store_batch *b)
{
	const unsigned all =
	    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

	return sync_file_range(b->fd, 0, 0, all) == -1 ? fail_errno(b) : STORE_OK;
}

enum store_error store_append_message(struct store_batch *b, uint32_t flags,
    const struct str *keywords, size_t nkeywords, int64_t date)
{
	struct adding *a;

	if (finish_one(b) != STORE_OK)
		return b->error;
	if (b->n == BATCH_MAX)
		return fail(b, STORE_LIMIT);
	a = arena_alloc(&b->arena, sizeof *a);
	a->rec.flags = flags & STORE_SYSTEM;
	a->rec.date = date != INT64_MIN ? date : (int64_t)time(NULL);
	a->nkeywords = nkeywords;
	a->keywords = arena_array(&b->arena, nkeywords, sizeof a->keywords[0]);
	for (size_t i = 0; i < nkeywords; i++)
		a->keywords[i] = arena_str(&b->arena, keywords[i]);
	msgname_unique(a->tmp);
	b->fd = openat(
	    b->box.tmp, a->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (b->fd == -1)
		return fail_errno(b);
	if (b->last != NULL)
		b->last->next = a;
	else
		b->first = a;
	b->last = a;
	b->n++;
	b->raw = b->cr = false;
	b->wire = b->disk = 0;
	return STORE_OK;
}

/* --- commit ---------------------------------------------------------------------------------- */

static enum store_error check_quota(struct store_batch *b)
{
	struct store *s = b->s;
	struct account a;
	uint64_t bytes = 0;
	int rc = account_get(s, &a);

	if (rc != 0)
		return index_error(s, rc);
	for (struct adding *m = b->first; m != NULL; m = m->next)
		bytes += m->rec.disk;
	if (s->opt.quota_bytes != 0 && a.bytes + bytes > s->opt.quota_bytes)
		return STORE_OVERQUOTA;
	if (s->opt.quota_messages != 0 && a.messages + b->n > s->opt.quota_messages)
		return STORE_OVERQUOTA;
	return STORE_OK;
}

/* Gives it a UID, moves it to cur/, and adds it to the index. */
static enum store_error place(struct store_batch *b, struct adding *a, struct record_walk *w)
{
	struct box *box = &b->box;
	struct store_msg *m = &a->rec;
	struct msgname name = { .base = str_of(a->tmp) };
	enum store_error e;
	int rc;

	e = box_keywords(b->s, box, a->keywords, a->nkeywords, true, &m->keywords);
	if (e != STORE_OK)
		return e;
	m->uid = box->head.uidnext++;
	m->modseq = box->head.modseq + 1;
	name.uid = m->uid;
	name.size = m->disk;
	name.wire = m->size;
	name.flags = m->flags;
	name.keywords = m->keywords;
	msgname_format(&name, a->full);
	if (renameat2(box->tmp, a->tmp, box->cur, a->full, RENAME_NOREPLACE) == -1)
		return index_error(b->s, errno);
	a->placed = box->touched = true;
	rc = file_put(b->s, box->head.id, m->uid, a->full, (int64_t)time(NULL));
	if (rc == 0) {
		record_add(w, m);
		rc = w->rc;
	}
	if (rc == 0)
		box_count(box, m, 1);
	return index_error(b->s, rc);
}

static enum store_error place_all(struct store_batch *b)
{
	struct box *box = &b->box;
	struct record_walk w;
	enum store_error e = check_quota(b);
	int rc;

	if (e == STORE_OK)
		e = box_reserve(b->s, box, b->n);
	if (e != STORE_OK)
		return e;
	record_begin(&w, b->s, box->head.id);
	for (struct adding *a = b->first; a != NULL && e == STORE_OK; a = a->next)
		e = place(b, a, &w);
	rc = record_end(&w);
	if (e == STORE_OK)
		e = index_error(b->s, rc);
	box->head.modseq++;
	return e == STORE_OK ? box_leave(b->s, box) : e;
}

static void remove_files(struct store_batch *b)
{
	for (struct adding *a = b->first; a != NULL; a = a->next) {
		if (a->placed)
			unlinkat(b->box.cur, a->full, 0);
		else
			unlinkat(b->box.tmp, a->tmp, 0);
	}
}

/* It could not be synced after all: others may have seen the messages, so they are expunged. */
static void take_back(struct store_batch *b)
{
	struct box *box = &b->box;
	struct record_walk w;
	enum store_error e = index_write(b->s, 0);
	uint64_t modseq;
	int rc = 0, rc2;

	if (e == STORE_OK)
		e = box_enter(b->s, box);
	if (e == STORE_OK)
		e = box_reserve(b->s, box, 0);
	if (e == STORE_OK) {
		modseq = box->head.modseq + 1;
		record_begin(&w, b->s, box->head.id);
		for (struct adding *a = b->first; a != NULL && rc == 0; a = a->next) {
			struct store_msg *m = record_find(&w, a->rec.uid);

			if (m != NULL)
				rc = message_remove(b->s, box, &w, m, str_of(a->full), modseq);
		}
		rc2 = record_end(&w);
		box->head.modseq = box->head.changed = modseq;
		remove_files(b);
		box->touched = true;
		e = index_error(b->s, rc != 0 ? rc : rc2);
	}
	if (e == STORE_OK)
		e = box_leave(b->s, box);
	index_end(b->s, e, false);
}

static enum store_error commit(struct store_batch *b, struct store_added *out)
{
	struct store *s = b->s;
	enum store_error e = index_write(s, 0);

	if (e == STORE_OK)
		e = box_enter(s, &b->box);
	out->uidvalidity = b->box.head.uidvalidity;
	out->first = b->box.head.uidnext;
	out->n = b->n;
	if (e == STORE_OK)
		e = place_all(b);
	if (e != STORE_OK)
		return e;
	crash_point("append.after_rename");
	syncer_begin(&s->sync, b->fd, b->box.cur);
	e = index_commit(s, false);
	crash_point("append.after_commit");
	if (syncer_end(&s->sync) == 0 || e != STORE_OK)
		return e;
	e = index_error(s, errno);
	take_back(b);
	return e;
}

enum store_error store_append_commit(struct store_batch *b, struct store_added *out)
{
	enum store_error e = finish(b);

	memset(out, 0, sizeof *out);
	if (e == STORE_OK && b->n > 0)
		e = write_back(b);
	if (e == STORE_OK && b->n > 0) {
		crash_point("append.after_write");
		index_rest(b->s);
		e = commit(b, out);
	}
	if (e == STORE_OK)
		b->first = NULL; /* they are messages now */
	else
		fail(b, e);
	store_append_abort(b);
	return e;
}

void store_append_abort(struct store_batch *b)
{
	int err;

	if (b == NULL)
		return;
	err = b->error != STORE_OK ? b->err : errno;
	if (b->fd != -1)
		close(b->fd);
	remove_files(b);
	index_abort(b->s);
	box_clear(&b->box);
	arena_clear(&b->arena);
	buf_clear(&b->out);
	free(b);
	errno = err;
}
