/* LIST, LSUB, SUBSCRIBE, STATUS; the names of special uses. */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

/* One name per line, as folders (folder.h), the way Dovecot's first format has it. */
#define SUBSCRIPTIONS "subscriptions"
enum { SUBSCRIPTIONS_MAX = 4 * 1024 * 1024 };

static const char *const uses[STORE_USES] = { "", "\\All", "\\Archive", "\\Drafts", "\\Flagged",
	"\\Junk", "\\Sent", "\\Trash" };

const char *store_use_name(enum store_use u)
{
	return u < STORE_USES ? uses[u] : "";
}

enum store_use store_use_find(struct str name)
{
	for (enum store_use u = STORE_USE_NONE + 1; u < STORE_USES; u++)
		if (str_caseeq(str_of(uses[u]), name))
			return u;
	return STORE_USES;
}

/* --- subscriptions --------------------------------------------------------------------------- */

/* The file's text; empty if there is none. */
static int read_subscriptions(struct store *s, struct buf *out)
{
	int fd = openat(s->maildir, SUBSCRIPTIONS, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = -1;
	char *to;

	if (fd == -1)
		return errno == ENOENT || errno == ELOOP ? 0 : -1;
	while ((to = buf_room(out, 65536)) != NULL && (n = read(fd, to, 65536)) > 0)
		out->n += (size_t)n;
	close(fd);
	return n == -1 ? -1 : 0;
}

static struct str line_of(const struct folder *f)
{
	return f->ndir > 0 ? folder_dir(f) : STR("INBOX");
}

/* The text with that line added or taken out. True if that makes a difference. */
static bool edit_lines(struct str text, struct str want, bool on, struct buf *out)
{
	struct str line;
	bool there = false;

	while (str_cut(&text, '\n', &line)) {
		if (str_eq(line, want))
			there = true;
		if (line.n == 0 || (!on && str_eq(line, want)))
			continue;
		buf_str(out, line);
		buf_char(out, '\n');
	}
	if (on && !there) {
		buf_str(out, want);
		buf_char(out, '\n');
	}
	return there != on;
}

enum store_error store_subscribe(struct store *s, struct str name, bool on)
{
	struct folder f;
	struct buf was, now;
	bool known;
	enum store_error e;

	if (folder_from_name(name, false, &f) == -1)
		return STORE_NONAME;
	e = account_sync(s);
	if (e == STORE_OK)
		e = index_write(s, 0);
	if (e != STORE_OK)
		return e;
	buf_init(&was, SUBSCRIPTIONS_MAX);
	buf_init(&now, SUBSCRIPTIONS_MAX);
	known = account_root_known(s);
	if (read_subscriptions(s, &was) == -1)
		e = index_error(s, errno);
	if (e == STORE_OK && edit_lines(buf_view(&was), line_of(&f), on, &now)) {
		if (now.full)
			e = STORE_LIMIT;
		else if (file_replace(s->tmp, s->maildir, SUBSCRIPTIONS, buf_view(&now)) == -1)
			e = index_error(s, errno);
		else
			e = account_root_mark(s, known);
	}
	buf_clear(&was);
	buf_clear(&now);
	return index_end(s, e, false);
}

/* --- LIST ------------------------------------------------------------------------------------ */

struct listing {
	struct store *s;
	struct store_box *b;
	size_t n, cap;
};

static void listing_add(struct listing *l, struct str name, unsigned flags, enum store_use use)
{
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 64 : l->cap * 2;
		l->b = xreallocarray(l->b, l->cap, sizeof l->b[0]);
	}
	l->b[l->n++] = (struct store_box){ arena_str(&l->s->list, name), flags, use };
}

/* The name, and all levels above it: these are merged with what exists afterwards. */
static enum store_error list_name(struct store *s, uint32_t id, struct str name, void *arg)
{
	struct listing *l = arg;
	struct box b;
	enum store_error e;

	box_init(&b);
	e = box_load(s, id, &b);
	if (e == STORE_OK)
		listing_add(l, name, b.head.recent > 0 ? STORE_BOX_MARKED : 0, b.head.use);
	box_clear(&b);
	for (size_t i = 1; i < name.n; i++)
		if (name.p[i] == '/')
			listing_add(l, str_take(name, i), STORE_BOX_NOSELECT | STORE_BOX_CHILDREN,
			    STORE_USE_NONE);
	return e;
}

static enum store_error list_subscribed(struct listing *l)
{
	enum { ONLY = STORE_BOX_NOSELECT | STORE_BOX_SUBSCRIBED };
	struct buf text;
	struct str rest, line;
	struct folder f;

	buf_init(&text, SUBSCRIPTIONS_MAX);
	if (read_subscriptions(l->s, &text) == -1) {
		buf_clear(&text);
		return index_error(l->s, errno);
	}
	rest = buf_view(&text);
	while (str_cut(&rest, '\n', &line)) {
		if (line.n == 0)
			continue;
		if (str_caseeq(line, STR("INBOX")))
			line = STR_NONE;
		if (folder_from_dir(line, &f) == 0)
			listing_add(l, folder_name(&f), ONLY, STORE_USE_NONE);
	}
	buf_clear(&text);
	return STORE_OK;
}

/* INBOX first; a level sorts right before what is below it. */
static int box_order(const void *a, const void *b)
{
	struct str x = ((const struct store_box *)a)->name, y = ((const struct store_box *)b)->name;
	bool xi = str_eq(x, STR("INBOX")), yi = str_eq(y, STR("INBOX"));

	if (xi != yi)
		return xi ? -1 : 1;
	for (size_t i = 0; i < x.n && i < y.n; i++) {
		int c = x.p[i] == '/' ? 0 : (unsigned char)x.p[i];
		int d = y.p[i] == '/' ? 0 : (unsigned char)y.p[i];

		if (c != d)
			return c - d;
	}
	return (x.n > y.n) - (x.n < y.n);
}

/* Entries of one name become one: it exists if one of them does. */
static void merge(struct listing *l, bool subscribed)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n;) {
		struct store_box all = l->b[i];

		for (i++; i < l->n && str_eq(l->b[i].name, all.name); i++) {
			unsigned both = (all.flags & l->b[i].flags) & STORE_BOX_NOSELECT;

			all.flags =
			    ((all.flags | l->b[i].flags) & ~(unsigned)STORE_BOX_NOSELECT) | both;
			if (l->b[i].use != STORE_USE_NONE)
				all.use = l->b[i].use;
		}
		/* subscribed, but neither there nor the parent of something */
		if (subscribed ||
		    (all.flags & (STORE_BOX_NOSELECT | STORE_BOX_CHILDREN)) != STORE_BOX_NOSELECT)
			l->b[n++] = all;
	}
	l->n = n;
}

static void mark_parents(struct listing *l)
{
	for (size_t i = 0; i + 1 < l->n; i++) {
		for (size_t j = i + 1; j < l->n && folder_below(l->b[j].name, l->b[i].name); j++) {
			if ((l->b[j].flags & STORE_BOX_NOSELECT) == 0) {
				l->b[i].flags |= STORE_BOX_CHILDREN;
				break;
			}
		}
	}
}

enum store_error store_list(
    struct store *s, bool subscribed, const struct store_box **out, size_t *n)
{
	struct listing l = { .s = s };
	enum store_error e;

	*n = 0;
	index_rest(s);
	e = account_sync(s);
	arena_reset(&s->list);
	if (e == STORE_OK)
		e = account_each(s, list_name, &l);
	if (e == STORE_OK)
		e = list_subscribed(&l);
	if (e == STORE_OK) {
		qsort(l.b, l.n, sizeof l.b[0], box_order);
		merge(&l, subscribed);
		mark_parents(&l);
		*n = l.n;
	}
	*out = arena_array(&s->list, *n, sizeof l.b[0]);
	memcpy((void *)(uintptr_t)*out, l.b, *n * sizeof l.b[0]);
	free(l.b);
	return e;
}

/* --- STATUS ---------------------------------------------------------------------------------- */

enum store_error store_status(struct store *s, struct str name, struct store_status *out)
{
	struct box b;
	enum store_error e;
	uint32_t id;

	memset(out, 0, sizeof *out);
	index_rest(s);
	e = account_sync(s);
	if (e == STORE_OK)
		e = account_find(s, name, &id);
	if (e != STORE_OK)
		return e;
	box_init(&b);
	e = box_load(s, id, &b);
	if (e == STORE_OK) {
		e = box_sync(s, &b, true);
		if (e == STORE_NOSPACE) /* new mail waits; what is known can be told */
			e = STORE_OK;
		if (e == STORE_OK)
			e = index_read(s);
		if (e == STORE_OK)
			e = box_reload(s, &b);
	}
	*out = (struct store_status){
		.messages = b.head.messages,
		.unseen = b.head.unseen,
		.recent = b.head.recent,
		.deleted = b.head.deleted,
		.uidnext = b.head.uidnext,
		.uidvalidity = b.head.uidvalidity,
		.modseq = b.head.modseq,
		.size = b.head.size,
		.id = b.head.object,
	};
	box_clear(&b);
	return e;
}
