/*
 * Content of messages. On disk lines end in LF; the wire form has CRLF: an LF that does not follow
 * a CR gets one. A message marked raw is its own wire form.
 */
#include "store/view.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 32 * 1024 };

/* --- conversion ------------------------------------------------------------------------------ */

size_t store_wire_size(const char *p, size_t n, bool *after_cr)
{
	const char *end = p + n, *from = p, *lf;
	size_t size = n;

	if (n == 0)
		return 0;
	while ((lf = memchr(from, '\n', (size_t)(end - from))) != NULL) {
		if (lf > p ? lf[-1] != '\r' : !*after_cr)
			size++;
		from = lf + 1;
	}
	*after_cr = end[-1] == '\r';
	return size;
}

int store_wire_put(struct buf *out, const char *p, size_t n, bool *after_cr)
{
	const char *end = p + n, *from = p, *lf;

	while (from < end && (lf = memchr(from, '\n', (size_t)(end - from))) != NULL) {
		bool bare = lf > p ? lf[-1] != '\r' : !*after_cr;

		buf_put(out, from, (size_t)(lf - from));
		buf_put(out, bare ? "\r\n" : "\n", bare ? 2 : 1);
		from = lf + 1;
	}
	buf_put(out, from, (size_t)(end - from));
	if (n > 0)
		*after_cr = end[-1] == '\r';
	return out->full ? -1 : 0;
}

/* --- opening --------------------------------------------------------------------------------- */

static int open_in(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Where the index says it is now; ENOENT when the message is not in the index any more. */
static int open_current(struct view *v, uint32_t uid, int *fd)
{
	struct store *s = v->pub.store;
	char z[MSGNAME_MAX + 1];
	struct str name;
	int rc = file_get(s, v->box.head.id, uid, &name);

	*fd = -1;
	if (rc == MDB_NOTFOUND)
		return MDB_NOTFOUND;
	if (rc == 0 && str_copy(name, z, sizeof z) == -1)
		rc = MDB_CORRUPTED;
	if (rc != 0)
		return rc;
	*fd = open_in(v->box.cur, z);
	return *fd == -1 ? errno : 0;
}

static int open_gone(struct view *v, uint32_t uid, int *fd)
{
	struct store *s = v->pub.store;
	char z[MSGNAME_MAX + 1];
	int rc = tomb_name(s, v->box.head.id, v->loaded, uid, z);

	*fd = -1;
	if (rc != 0)
		return rc;
	if (box_open_gone(&v->box) != STORE_OK)
		return errno;
	*fd = open_in(v->box.gone, z);
	return *fd == -1 ? errno : 0;
}

/*
 * A name may be out of date: another session renames or expunges it after our snapshot, or some
 * other program has. So look with what we know, then with a fresh snapshot, then after a scan.
 */
static enum store_error find_file(struct view *v, uint32_t uid, int *fd)
{
	struct store *s = v->pub.store;
	enum store_error e;
	int rc = ENOENT;

	for (int try = 0; try < 3 && rc == ENOENT; try++) {
		if (try > 0)
			index_rest(s);
		e = view_current(v);
		if (e == STORE_OK && try == 2)
			e = box_sync(s, &v->box, true);
		if (e == STORE_OK)
			e = index_read(s);
		if (e != STORE_OK)
			return e;
		rc = open_current(v, uid, fd);
		if (rc == MDB_NOTFOUND)
			rc = open_gone(v, uid, fd);
	}
	if (rc == 0)
		return STORE_OK;
	if (rc == ENOENT || rc == MDB_NOTFOUND)
		return STORE_GONE;
	if (rc == EACCES || rc == EPERM || rc == ELOOP || rc == EISDIR || rc == ENXIO)
		return STORE_UNREADABLE;
	return index_error(s, rc);
}

enum store_error store_body_open(struct store_view *pub, uint32_t idx, struct store_body *b)
{
	struct view *v = view_of(pub);
	const struct store_msg *m = &v->msgs[idx];
	struct stat st;
	enum store_error e;

	*b = (struct store_body){ .fd = -1, .size = m->size, .disk = m->disk };
	b->raw = (m->flags & STORE_RAW) != 0;
	e = find_file(v, m->uid, &b->fd);
	if (e != STORE_OK)
		return e;
	if (fstat(b->fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		store_body_close(b);
		return STORE_UNREADABLE;
	}
	return STORE_OK;
}

void store_body_close(struct store_body *b)
{
	if (b->fd != -1)
		close(b->fd);
	b->fd = -1;
}

/* --- reading --------------------------------------------------------------------------------- */

/* One step over the stored bytes p[0..n): as far as the range needs. */
struct range {
	uint32_t from, to; /* of the wire form */
	struct buf *out;
};

/* Gives out wire bytes p[0..n) at b->at, as far as they are in the range. */
static void emit(struct store_body *b, const struct range *r, const char *p, size_t n)
{
	uint64_t start = b->at, end = start + n;

	if (end > r->from && start < r->to) {
		size_t skip = start < r->from ? (size_t)(r->from - start) : 0;
		size_t stop = end > r->to ? (size_t)(r->to - start) : n;

		buf_put(r->out, p + skip, stop - skip);
	}
	b->at += (uint32_t)n;
}

/* Walks over stored bytes, never past r->to. Returns how many it has finished with. */
static size_t walk(struct store_body *b, const struct range *r, const char *p, size_t n)
{
	size_t i = 0, line;
	const char *lf;

	while (i < n && b->at < r->to) {
		if (p[i] == '\n') {
			if (!b->at_lf && !b->after_cr) {
				emit(b, r, "\r", 1);
				b->at_lf = true;
				continue;
			}
			emit(b, r, "\n", 1);
			b->at_lf = b->after_cr = false;
			i++;
			continue;
		}
		lf = memchr(p + i, '\n', n - i);
		line = lf != NULL ? (size_t)(lf - (p + i)) : n - i;
		if (line > r->to - b->at)
			line = r->to - b->at;
		emit(b, r, p + i, line);
		i += line;
		b->after_cr = p[i - 1] == '\r';
	}
	return i;
}

static enum store_error read_raw(struct store_body *b, uint32_t from, uint32_t n, struct buf *out)
{
	while (n > 0) {
		uint32_t want = n < BLOCK ? n : BLOCK;
		char *to = buf_room(out, want);
		ssize_t got = to == NULL ? -1 : pread(b->fd, to, want, from);

		if (to == NULL)
			errno = ENOBUFS;
		if (got == 0)
			errno = ENODATA;
		if (got <= 0)
			return STORE_IO;
		out->n += (size_t)got;
		from += (uint32_t)got;
		n -= (uint32_t)got;
	}
	return STORE_OK;
}

enum store_error store_body_read(struct store_body *b, uint32_t from, uint32_t n, struct buf *out)
{
	char block[BLOCK];
	struct range r = { .from = from, .out = out };
	ssize_t got;

	if (from >= b->size)
		return STORE_OK;
	if (n > b->size - from)
		n = b->size - from;
	/* without a lone LF the stored form is the wire form */
	if (b->raw || b->size == b->disk)
		return read_raw(b, from, n, out);
	r.to = from + n;
	if (from < b->at) {
		b->at = b->at_disk = 0;
		b->at_lf = b->after_cr = false;
	}
	while (b->at < r.to) {
		got = pread(b->fd, block, sizeof block, b->at_disk);
		if (got == 0)
			errno = ENODATA;
		if (got <= 0)
			return STORE_IO;
		b->at_disk += (uint32_t)walk(b, &r, block, (size_t)got);
	}
	if (!out->full)
		return STORE_OK;
	errno = ENOBUFS;
	return STORE_IO;
}
