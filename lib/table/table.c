/* Tables: specs, opening, change, and what all types share. See table.h. */
#include "table/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unicase.h>
#include <unistd.h>

#include "base/alloc.h"
#include "mail/utf8.h"
#include "table/file.h"
#include "table/impl.h"

enum {
	LOOK_MS = 1000, /* how often a file is looked at */
	SETTLE_MS = 1000, /* a file changed in place is read once nobody wrote for that long... */
	POSTPONE_MAX = 10, /* ...or has been writing at this many looks */
	READ_AGAIN = 3,
	SPEC_MAX = 64 * 1024,
};

static const struct table_type *const types[] = { &table_hash, &table_btree, &table_lmdb,
	&table_texthash, &table_cidr, &table_pcre, &table_regexp, &table_inline, &table_static,
	&table_unionmap, &table_pipemap };

enum { TYPES = sizeof types / sizeof types[0] };

const char *table_type_name(unsigned i)
{
	return i < TYPES ? types[i]->name : NULL;
}

static const struct table_type *type_find(struct str name)
{
	for (unsigned i = 0; i < TYPES; i++) {
		if (str_eq(name, str_of(types[i]->name)))
			return types[i];
	}
	return NULL;
}

const char *table_type_suffix(struct str type)
{
	const struct table_type *t = type_find(type);

	return t != NULL && t->source == SOURCE_DB ? t->suffix : NULL;
}

bool table_is_spec(struct str spec)
{
	ssize_t colon = str_find(spec, ':');

	return colon > 0 && type_find(str_take(spec, (size_t)colon)) != NULL;
}

int table_why(char *why, const char *fmt, ...)
{
	int e = errno;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, TABLE_WHY, fmt, ap);
	va_end(ap);
	errno = e;
	return -1;
}

enum table_result table_fail(
    struct arena *a, struct table_answer *out, struct str rule, const char *fmt, ...)
{
	char why[TABLE_WHY];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	*out = (struct table_answer){
		.value = STR_NONE, .rule = rule, .why = arena_str(a, str_of(why))
	};
	return TABLE_FAILED;
}

struct str table_rule(const struct table *t, unsigned line, struct arena *a)
{
	return arena_printf(a, "%s:%u", t->spec, line);
}

enum table_result table_db_value(
    struct table *t, struct str key, struct str value, struct arena *a, struct table_answer *out)
{
	out->rule = arena_printf(a, "%s(%.*s)", t->spec, STR_ARG(str_take(key, 100)));
	if (value.n > 0 && value.p[value.n - 1] == '\0')
		value.n--;
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '\0' || value.p[i] == '\n' || value.p[i] == '\r')
			return table_fail(
			    a, out, out->rule, "%s: a value holds a line end or a NUL", t->path);
	}
	out->value = value;
	return TABLE_FOUND;
}

static struct str fold_ascii(struct arena *a, struct str key)
{
	size_t i = 0;
	char *z;

	while (i < key.n && key.p[i] == ascii_lower(key.p[i]))
		i++;
	if (i == key.n)
		return key;
	z = arena_z(a, key);
	for (; i < key.n; i++)
		z[i] = ascii_lower(key.p[i]);
	return (struct str){ z, key.n };
}

/* Not for one language, and not normalised: what differs in its bytes else stays different. */
static struct str fold_unicode(struct arena *a, struct str key)
{
	struct str folded = key;
	uint8_t *u;
	size_t n;

	u = u8_casefold((const uint8_t *)key.p, key.n, NULL, NULL, NULL, &n);
	if (u != NULL)
		folded = arena_str(a, str_bytes(u, n));
	free(u);
	return folded;
}

struct str table_fold(struct arena *a, struct str key, unsigned flags)
{
	if ((flags & TABLE_NO_FOLD) != 0)
		return key;
	if ((flags & TABLE_ASCII) != 0 || str_is_ascii(key) || !utf8_valid(key))
		return fold_ascii(a, key);
	return fold_unicode(a, key);
}

static bool is_separator(char c)
{
	return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool table_list_item(struct str *rest, struct str *item)
{
	size_t i, depth = 0;

	while (rest->n > 0 && is_separator(rest->p[0]))
		*rest = str_skip(*rest, 1);
	for (i = 0; i < rest->n && (depth > 0 || !is_separator(rest->p[i])); i++) {
		if (rest->p[i] == '{')
			depth++;
		else if (rest->p[i] == '}' && depth > 0)
			depth--;
	}
	*item = str_take(*rest, i);
	*rest = str_skip(*rest, i);
	return i > 0;
}

/* --- content --------------------------------------------------------------------------------- */

static void drop(struct table *t)
{
	if (t->content != NULL)
		t->type->unload(t->content);
	t->content = NULL;
}

static void note_stale(struct table *t)
{
	struct stat text;
	struct timespec a, b;

	t->stale[0] = '\0';
	if (t->type->source != SOURCE_DB || fstatat(t->dir, t->name, &text, 0) == -1)
		return;
	a = text.st_mtim;
	b = t->seen.st_mtim;
	if (a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec))
		table_why(
		    t->stale, "%s is older than %s: run thurn map %s", t->path, t->name, t->spec);
}

/* Opens and reads the file of t once. */
static void *read_file(struct table *t, struct stat *st)
{
	struct buf text;
	void *content = NULL;
	char why[TABLE_WHY];
	int fd = table_file_open(t->dir, t->path, (t->flags & TABLE_ANYWHERE) != 0, st, t->why);

	if (fd == -1)
		return NULL;
	if (t->type->source == SOURCE_DB) {
		content = t->type->load(t, STR_NONE, fd, t->why);
		if (content != NULL)
			return content;
	} else if (table_file_read(fd, (size_t)TABLE_TEXT_MAX + 1, &text, why) == -1) {
		table_why(t->why, "%s: %s", t->path, why);
		if (errno == EAGAIN)
			memset(st, 0, sizeof *st);
	} else {
		content = t->type->load(t, buf_view(&text), -1, t->why);
		buf_clear(&text);
	}
	close(fd);
	return content;
}

/* New content in place of the old; -1 with t->why when there is none now. */
static int load(struct table *t)
{
	struct stat st = { 0 };
	void *content = NULL;

	if (t->type->source == SOURCE_SPEC) {
		t->content = t->type->load(t, str_of(t->name), -1, t->why);
		return t->content == NULL ? -1 : 0;
	}
	for (int i = 0; i < READ_AGAIN && content == NULL; i++) {
		content = read_file(t, &st);
		if (st.st_ino != 0)
			break;
	}
	drop(t);
	t->content = content;
	t->seen = st;
	t->postponed = 0;
	note_stale(t);
	if (content == NULL)
		return -1;
	t->why[0] = '\0';
	return 0;
}

struct table *table_open_nested(int dir, struct str spec, unsigned flags, unsigned depth, char *why)
{
	ssize_t colon = str_find(spec, ':');
	const struct table_type *type = colon > 0 ? type_find(str_take(spec, (size_t)colon)) : NULL;
	struct table *t;

	if (spec.n > SPEC_MAX || memchr(spec.p, '\0', spec.n) != NULL || depth > TABLE_NEST_MAX) {
		table_why(why, "table name too long or nested too deeply");
		return NULL;
	}
	if (type == NULL) {
		table_why(why, "%.*s: not a table of a known type (type:name)",
		    STR_ARG(str_take(spec, 100)));
		return NULL;
	}
	t = xcalloc(1, sizeof *t);
	t->type = type;
	t->spec = str_dup(spec);
	t->name = str_dup(str_skip(spec, (size_t)colon + 1));
	t->path = xcalloc(1, strlen(t->name) + 16);
	memcpy(t->path, t->name, strlen(t->name));
	if (type->suffix != NULL)
		memcpy(t->path + strlen(t->name), type->suffix, strlen(type->suffix));
	t->dir = dir;
	t->flags = flags;
	t->depth = depth;
	if (load(t) == -1) {
		table_why(why, "%s", t->why);
		table_close(t);
		return NULL;
	}
	return t;
}

struct table *table_open(int dir, struct str spec, unsigned flags, char why[TABLE_WHY])
{
	return table_open_nested(dir, spec, flags, 0, why);
}

void table_close(struct table *t)
{
	if (t == NULL)
		return;
	drop(t);
	free(t->spec);
	free(t->name);
	free(t->path);
	free(t);
}

struct str table_spec(const struct table *t)
{
	return str_of(t->spec);
}

struct str table_file(const struct table *t)
{
	return t->type->source == SOURCE_SPEC ? STR_NONE : str_of(t->name);
}

bool table_is_pattern(const struct table *t)
{
	return t->type->any_pattern != NULL ? t->type->any_pattern(t) : t->type->pattern;
}

const char *table_stale(const struct table *t)
{
	return t->stale;
}

const char *table_trouble(const struct table *t)
{
	return t->content == NULL ? t->why : "";
}

/*
 * An editor that writes in place leaves a half-written text for a moment: the old content serves
 * until nobody has written for a while. A file renamed into place is another inode and read at
 * once.
 */
static bool still_written(struct table *t, const struct stat *now)
{
	struct timespec wall;
	int64_t age;

	if (t->content == NULL || now->st_ino != t->seen.st_ino || t->postponed >= POSTPONE_MAX)
		return false;
	clock_gettime(CLOCK_REALTIME, &wall);
	age = (wall.tv_sec - now->st_mtim.tv_sec) * 1000 +
	      (wall.tv_nsec - now->st_mtim.tv_nsec) / 1000000;
	if (age < 0 || age >= SETTLE_MS)
		return false;
	t->postponed++;
	return true;
}

bool table_refresh(struct table *t, uint64_t now)
{
	struct stat st;

	if (t->type->refresh != NULL)
		return t->type->refresh(t, now);
	if (t->type->source == SOURCE_SPEC || (t->checked != 0 && now - t->checked < LOOK_MS))
		return false;
	t->checked = now != 0 ? now : 1;
	if (fstatat(t->dir, t->path, &st, 0) == -1) {
		if (t->content == NULL)
			return false;
		drop(t);
		memset(&t->seen, 0, sizeof t->seen);
		table_why(t->why, "%s: %s", t->path, strerror(errno));
		return true;
	}
	if (table_file_same(&st, &t->seen) || still_written(t, &st)) {
		note_stale(t);
		return false;
	}
	load(t);
	return true;
}

enum table_result table_lookup(
    struct table *t, struct str key, struct arena *a, struct table_answer *out)
{
	*out = (struct table_answer){ STR_NONE, STR_NONE, STR_NONE };
	if (t->content == NULL)
		return table_fail(a, out, str_of(t->spec), "%s", t->why);
	if (key.n > TABLE_KEY_MAX)
		return table_fail(
		    a, out, str_of(t->spec), "the key is longer than %d bytes", TABLE_KEY_MAX);
	if (t->type->fold)
		key = table_fold(a, key, t->flags);
	return t->type->lookup(t, key, a, out);
}

int table_each(struct table *t, table_each_fn *fn, void *arg, char why[TABLE_WHY])
{
	if (t->content == NULL)
		return table_why(why, "%s", t->why);
	if (t->type->each == NULL)
		return table_why(why, "%s: has no entries to list", t->spec);
	return t->type->each(t, fn, arg, why);
}
