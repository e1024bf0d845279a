/*
 * COPY and MOVE: hard links, so that content is never written again. A link keeps the first part of
 * its name and the file's mtime, which is the date.
 */
#include "store/view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
	MOVE_CHUNK = 500, /* messages that move in one change */
	ITEM_GUESS = 4096, /* bytes of index for one more message */
	LINK_BUSY = EMLINK, /* too many links to one file: then it is copied */
};

struct copying {
	struct store *s;
	struct view *v;
	struct box *src, *dst; /* the same one for a copy within a mailbox */
	struct box other;
	bool move;
	uint64_t map_from[STORE_KEYWORDS_MAX], map_to[STORE_KEYWORDS_MAX];
	uint32_t nmap;
	uint64_t quota_bytes, quota_messages; /* what is left */
	/* of the change under way */
	struct record_list added;
	char (*placed)[MSGNAME_MAX + 1]; /* names in dst->cur */
	size_t nplaced;
	struct gone_list gone;
	uint32_t *from, *to; /* results; in s->copied */
	uint32_t n, committed;
};

/* --- keywords -------------------------------------------------------------------------------- */

/* Which keywords are in use among these messages: they must exist in the other mailbox. */
static enum store_error map_keywords(struct copying *c, uint64_t used)
{
	enum store_error e = STORE_OK;

	c->nmap = 0;
	for (uint32_t i = 0; i < STORE_KEYWORDS_MAX && e == STORE_OK; i++) {
		uint64_t bit = UINT64_C(1) << i;

		if (!(used & bit) || c->src->keywords[i].n == 0)
			continue;
		c->map_from[c->nmap] = bit;
		e = box_keywords(c->s, c->dst, &c->src->keywords[i], 1, true, &c->map_to[c->nmap]);
		if (e == STORE_LIMIT) { /* no room for it there: the copy goes without */
			c->map_to[c->nmap] = 0;
			e = box_reload(c->s, c->dst);
		}
		c->nmap++;
	}
	return e;
}

static uint64_t mapped(const struct copying *c, uint64_t keywords)
{
	uint64_t out = 0;

	if (c->src == c->dst)
		return keywords;
	for (uint32_t i = 0; i < c->nmap; i++)
		if (keywords & c->map_from[i])
			out |= c->map_to[i];
	return out;
}

/* --- files ----------------------------------------------------------------------------------- */

/* A second file with the same content and mtime. 0 or errno. */
static int copy_file(int from, const char *name, int tmp, int to, const char *new)
{
	char unique[MSGNAME_NEW];
	struct stat st;
	struct timespec times[2];
	ssize_t n = -1;
	int e, in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), out = -1;

	msgname_unique(unique);
	if (in != -1 && fstat(in, &st) == 0)
		out = openat(
		    tmp, unique, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (out != -1)
		while ((n = copy_file_range(in, NULL, out, NULL, 1 << 20, 0)) > 0)
			continue;
	if (n == 0) {
		times[0] = st.st_atim;
		times[1] = st.st_mtim;
		n = futimens(out, times) == -1 || fsync(out) == -1 ||
			    renameat2(tmp, unique, to, new, RENAME_NOREPLACE) == -1
			? -1
			: 0;
	}
	e = n == 0 ? 0 : errno;
	if (in != -1)
		close(in);
	if (out != -1)
		close(out);
	if (e != 0 && out != -1)
		unlinkat(tmp, unique, 0);
	return e;
}

static int place_file(struct copying *c, struct str name, const char *new)
{
	char z[MSGNAME_MAX + 1];

	if (str_copy(name, z, sizeof z) == -1)
		return MDB_CORRUPTED;
	if (linkat(c->src->cur, z, c->dst->cur, new, 0) == 0)
		return 0;
	if (errno != LINK_BUSY && errno != EPERM && errno != EXDEV)
		return errno;
	return copy_file(c->src->cur, z, c->dst->tmp, c->dst->cur, new);
}

/* --- one message ----------------------------------------------------------------------------- */

static bool unreadable(int rc)
{
	return rc == ENOENT || rc == EACCES || rc == EPERM || rc == ELOOP || rc == EISDIR;
}

/* Links the file of m and remembers its new record; 0, or an LMDB or errno. */
static int copy_one(struct copying *c, const struct store_msg *m)
{
	struct store_msg rec = *m;
	struct msgname name;
	struct str old;
	char *new = c->placed[c->nplaced];
	int rc = file_get(c->s, c->src->head.id, m->uid, &old);

	if (rc == 0 && msgname_parse(old, &name) == -1)
		rc = MDB_CORRUPTED;
	if (rc != 0)
		return rc;
	rec.uid = c->dst->head.uidnext;
	rec.keywords = mapped(c, m->keywords);
	rec.flags &= ~(uint32_t)RECORD_DIRTY;
	name.uid = rec.uid;
	name.size = rec.disk;
	name.wire = rec.size;
	name.flags = rec.flags;
	name.keywords = rec.keywords;
	msgname_format(&name, new);
	rc = place_file(c, old, new);
	if (rc != 0) {
		if (!unreadable(rc))
			return rc;
		store_report(c->s, "message-skipped", old, rc);
		return 0;
	}
	c->nplaced++;
	c->dst->touched = true;
	c->dst->head.uidnext++;
	c->added.m[c->added.n++] = rec;
	c->from[c->n] = m->uid;
	c->to[c->n++] = rec.uid;
	return 0;
}

/* Puts what was linked into the index of the destination. */
static int index_added(struct copying *c, uint64_t modseq)
{
	int64_t now = (int64_t)time(NULL);
	struct record_walk w;
	int rc = 0, rc2;

	record_begin(&w, c->s, c->dst->head.id);
	for (size_t i = 0; i < c->added.n && rc == 0; i++) {
		struct store_msg *m = &c->added.m[i];
		uint32_t from = c->from[c->committed + i];

		m->modseq = modseq;
		record_add(&w, m);
		box_count(c->dst, m, 1);
		rc = w.rc;
		if (rc == 0)
			rc = file_put(c->s, c->dst->head.id, m->uid, c->placed[i], now);
		if (rc == 0)
			rc = item_copy(
			    c->s, msg_key(c->src->head.id, from), msg_key(c->dst->head.id, m->uid));
	}
	rc2 = record_end(&w);
	return rc != 0 ? rc : rc2;
}

static int remove_moved(struct copying *c, uint64_t modseq)
{
	struct record_walk w;
	int rc = 0, rc2;

	record_begin(&w, c->s, c->src->head.id);
	for (uint32_t i = c->committed; i < c->n && rc == 0; i++) {
		struct store_msg *m = record_find(&w, c->from[i]);
		struct str name;

		rc = m == NULL ? MDB_CORRUPTED : file_get(c->s, c->src->head.id, m->uid, &name);
		if (rc == 0)
			rc = gone_move(&c->gone, c->src, name);
		if (rc == 0)
			rc = message_remove(c->s, c->src, &w, m, name, modseq);
	}
	rc2 = record_end(&w);
	return rc != 0 ? rc : rc2;
}

/* --- one change ------------------------------------------------------------------------------ */

static enum store_error check_quota(struct copying *c, const struct record_list *l)
{
	struct store *s = c->s;
	struct account a;
	uint64_t bytes = 0;
	int rc = account_get(s, &a);

	if (c->move || rc != 0)
		return index_error(s, rc);
	for (size_t i = 0; i < l->n; i++)
		bytes += l->m[i].disk;
	if (s->opt.quota_bytes != 0 && a.bytes + bytes > s->opt.quota_bytes)
		return STORE_OVERQUOTA;
	if (s->opt.quota_messages != 0 && a.messages + l->n > s->opt.quota_messages)
		return STORE_OVERQUOTA;
	return STORE_OK;
}

/* The records of those that are still there. */
static int load_sources(struct copying *c, const uint32_t *idx, size_t n, struct record_list *l)
{
	struct record_walk w;

	record_begin(&w, c->s, c->src->head.id);
	l->m = xreallocarray(l->m, n, sizeof l->m[0]);
	l->n = 0;
	for (size_t i = 0; i < n; i++) {
		const struct store_msg *m = record_find(&w, c->v->msgs[idx[i]].uid);

		if (m != NULL)
			l->m[l->n++] = *m;
	}
	return record_end(&w);
}

static enum store_error fill(struct copying *c, const struct record_list *l)
{
	struct box *src = c->src, *dst = c->dst;
	uint64_t used = 0, modseq = dst->head.modseq + 1;
	enum store_error e = check_quota(c, l);
	int rc = 0;

	for (size_t i = 0; i < l->n; i++)
		used |= l->m[i].keywords;
	if (e == STORE_OK && src != dst)
		e = map_keywords(c, used);
	if (e == STORE_OK)
		e = box_reserve(c->s, dst, (uint32_t)l->n);
	if (e == STORE_OK && c->move)
		e = box_reserve(c->s, src, 0);
	if (e == STORE_OK && c->move)
		e = box_open_gone(src);
	for (size_t i = 0; i < l->n && e == STORE_OK && rc == 0; i++)
		rc = copy_one(c, &l->m[i]);
	/* what leaves its place must be safe in the new one before */
	if (e == STORE_OK && rc == 0 && c->added.n > 0 && fsync(dst->cur) == -1)
		rc = errno;
	if (e == STORE_OK && rc == 0)
		rc = index_added(c, modseq);
	if (e == STORE_OK && rc == 0 && c->added.n > 0)
		dst->head.modseq = modseq;
	modseq = src->head.modseq + 1;
	if (e == STORE_OK && rc == 0 && c->move && c->added.n > 0) {
		rc = remove_moved(c, modseq);
		src->head.modseq = src->head.changed = modseq;
	}
	return e == STORE_OK ? index_error(c->s, rc) : e;
}

static void undo(struct copying *c)
{
	int e = errno;

	gone_undo(&c->gone, c->src);
	for (size_t i = 0; i < c->nplaced; i++)
		unlinkat(c->dst->cur, c->placed[i], 0);
	c->n = c->committed;
	errno = e;
}

/* Copies n messages in one change, all or nothing. */
static enum store_error copy_chunk(struct copying *c, const uint32_t *idx, size_t n)
{
	struct record_list l = { 0 };
	enum store_error e = view_write(c->v, n * ITEM_GUESS);

	if (e != STORE_OK)
		return e;
	c->placed = xreallocarray(NULL, n, sizeof c->placed[0]);
	c->added = (struct record_list){ .m = xreallocarray(NULL, n, sizeof l.m[0]), .cap = n };
	c->nplaced = 0;
	if (c->src != c->dst)
		e = box_enter(c->s, c->dst);
	if (e == STORE_OK)
		e = index_error(c->s, load_sources(c, idx, n, &l));
	if (e == STORE_OK)
		e = fill(c, &l);
	if (e == STORE_OK)
		e = box_leave(c->s, c->dst);
	if (e == STORE_OK && c->src != c->dst)
		e = box_leave(c->s, c->src);
	if (e == STORE_OK)
		e = index_commit(c->s, c->move);
	if (e == STORE_OK)
		c->committed = c->n;
	else
		undo(c);
	index_abort(c->s);
	gone_clear(&c->gone);
	free(c->placed);
	free(c->added.m);
	free(l.m);
	return e;
}

/* --- COPY, MOVE ------------------------------------------------------------------------------ */

static enum store_error open_destination(struct copying *c, struct str mailbox)
{
	struct store *s = c->s;
	enum store_error e;
	uint32_t id;

	index_rest(s);
	e = account_sync(s);
	if (e == STORE_OK)
		e = view_current(c->v);
	if (e == STORE_OK)
		e = account_find(s, mailbox, &id);
	if (e != STORE_OK)
		return e;
	c->src = c->dst = &c->v->box;
	if (id == c->src->head.id)
		return STORE_OK;
	c->dst = &c->other;
	e = box_load(s, id, &c->other);
	return e == STORE_OK ? box_open(s, &c->other) : e;
}

enum store_error store_copy(struct store_view *pub, const uint32_t *idx, size_t n,
    struct str mailbox, bool move, struct store_copied *out)
{
	struct copying c = { .s = pub->store, .v = view_of(pub), .move = move };
	enum store_error e;
	size_t step = move ? MOVE_CHUNK : n;

	memset(out, 0, sizeof *out);
	box_init(&c.other);
	arena_reset(&c.s->copied);
	c.from = arena_array(&c.s->copied, n, sizeof c.from[0]);
	c.to = arena_array(&c.s->copied, n, sizeof c.to[0]);
	e = open_destination(&c, mailbox);
	for (size_t i = 0; i < n && e == STORE_OK; i += step)
		e = copy_chunk(&c, idx + i, n - i < step ? n - i : step);
	if (c.dst != NULL)
		out->uidvalidity = c.dst->head.uidvalidity;
	out->from = c.from;
	out->to = c.to;
	out->n = c.committed;
	box_clear(&c.other);
	return e;
}
