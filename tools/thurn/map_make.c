/*
 * thurn map: makes the file of a table out of its text, or out of the former file and what changes.
 * The file's mode follows the text; started by root, the work is done as the owner of the text, so
 * that a user's directory cannot trick root into writing elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "command.h"
#include "mail/utf8.h"
#include "map.h"
#include "table/build.h"
#include "table/file.h"
#include "table/lines.h"

/* One table that is being made. */
struct making {
	const struct map_options *o;
	const struct map_name *m;
	struct table_build *build;
	const char *source; /* for messages */
	char *target;
	mode_t mode;
	struct arena arena;
	char why[TABLE_WHY];
};

static int fatal(const char *text)
{
	return tool_fail(1, "fatal: %s", text);
}

/* --- whose work it is ------------------------------------------------------------------------ */

static int become(const struct stat *st)
{
	if (geteuid() != 0 || st->st_uid == 0)
		return 0;
	if (setgroups(0, NULL) == -1 || setegid(st->st_gid) == -1 || seteuid(st->st_uid) == -1)
		return tool_fail(
		    1, "fatal: cannot become user %u: %s", (unsigned)st->st_uid, strerror(errno));
	return 0;
}

static void return_to_root(void)
{
	if (getuid() != 0 || geteuid() == 0)
		return;
	if (seteuid(0) == -1 || setegid(0) == -1)
		exit(tool_fail(1, "fatal: cannot become root again: %s", strerror(errno)));
}

/* Two that change one table at the same time would lose a change: they lock its directory. */
static int lock_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir =
	    slash == NULL ? xstrdup(".") : str_dup(str_bytes(path, (size_t)(slash - path) + 1));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd != -1 && flock(fd, LOCK_EX) == -1) {
		close(fd);
		fd = -1;
	}
	if (fd == -1)
		tool_warn("fatal: %s: %s", dir, strerror(errno));
	free(dir);
	return fd;
}

/* --- entries --------------------------------------------------------------------------------- */

static int put(struct making *k, struct str key, struct str value)
{
	int r;

	key = table_fold(&k->arena, key, map_fold(k->o));
	r = table_build_put(k->build, key, value, k->o->replace, k->why);
	if (r == 1 && !k->o->replace && !k->o->silent)
		tool_warn("warning: %s: duplicate entry: \"%.*s\"", k->target, STR_ARG(key));
	return r == -1 ? -1 : 0;
}

static int put_old(void *arg, struct str key, struct str value)
{
	struct making *k = arg;

	return table_build_put(k->build, key, value, true, k->why) == -1 ? 1 : 0;
}

/* For a message on a terminal: what is no printable ASCII becomes '?'. */
static struct str printable(struct making *k, struct str text)
{
	char *z = arena_z(&k->arena, text);

	for (size_t i = 0; i < text.n; i++)
		z[i] = text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?';
	return (struct str){ z, text.n };
}

/* With -F, what the value stands for; an entry whose files cannot be read is left out. */
static int put_value(struct making *k, struct str key, struct str value, unsigned number)
{
	char why[TABLE_WHY];

	if (k->o->files && map_files_encode(value, &k->arena, &value, why) == -1) {
		tool_warn("warning: %s, line %u: %s: skipping this entry", k->source, number, why);
		return 0;
	}
	return put(k, key, value);
}

/* One logical line; a faulty one is left out with a warning, as postmap(1) does. */
static int put_line(struct making *k, struct str line, unsigned number, struct buf *name)
{
	struct str key, value;
	const char *why;

	arena_reset(&k->arena);
	if (!k->o->ascii && !utf8_valid(line)) {
		tool_warn("warning: %s, line %u: non-UTF-8 input \"%.*s\" -- ignoring this line",
		    k->source, number, STR_ARG(printable(k, str_take(line, 100))));
		return 0;
	}
	if (!k->o->aliases) {
		if (lines_entry(line, &key, &value, &why) == 0)
			return put_value(k, key, value, number);
		tool_warn("warning: %s, line %u: expected format: key whitespace value", k->source,
		    number);
		return 0;
	}
	if (lines_alias(line, name, &key, &value, &why) == -1)
		tool_warn("warning: %s, line %u: need name:value pair", k->source, number);
	else if (str_find(key, '@') != -1)
		tool_warn("warning: %s, line %u: name must be local", k->source, number);
	else
		return put_value(k, key, value, number);
	return 0;
}

static int put_text(struct making *k, struct str text)
{
	struct lines l;
	struct str line;
	struct buf name;
	const char *why = NULL;
	int r;

	lines_init(&l, text);
	buf_init(&name, LINE_MAX_BYTES);
	while ((r = lines_next(&l, &line, &why)) == 1) {
		if (put_line(k, line, l.start, &name) == -1)
			break;
	}
	if (r == -1)
		snprintf(k->why, sizeof k->why, "%s, line %u: the line %s", k->source, l.next, why);
	lines_clear(&l);
	buf_clear(&name);
	return r == 0 ? 0 : -1;
}

/* What Sendmail and NIS look for in a complete alias file. */
static int put_alias_marks(struct making *k)
{
	char host[256] = "localhost", when[32];

	gethostname(host, sizeof host - 1);
	snprintf(when, sizeof when, "%010lld", (long long)time(NULL));
	return table_build_put(k->build, STR("@"), STR("@"), true, k->why) == -1 ||
		       table_build_put(
			   k->build, STR("YP_LAST_MODIFIED"), str_of(when), true, k->why) == -1 ||
		       table_build_put(
			   k->build, STR("YP_MASTER_NAME"), str_of(host), true, k->why) == -1
		   ? -1
		   : 0;
}

/* --- the whole ------------------------------------------------------------------------------- */

/* The entries that are in the file now. missing_ok: none when there is no file. */
static int copy_old(struct making *k, bool missing_ok)
{
	struct table *t;
	int r;

	if (missing_ok && access(k->target, F_OK) == -1 && errno == ENOENT)
		return 0;
	t = table_open(AT_FDCWD, str_of(k->m->spec), TABLE_ANYWHERE | TABLE_NO_FOLD, k->why);
	if (t == NULL)
		return -1;
	r = table_each(t, put_old, k, k->why);
	table_close(t);
	return r == 0 ? 0 : -1;
}

/* The text into b; its stat decides mode and owner. */
static int read_source(struct making *k, struct buf *b, struct stat *st)
{
	int fd = open(k->m->path, O_RDONLY | O_CLOEXEC | O_NOCTTY), r;

	if (fd == -1 || fstat(fd, st) == -1) {
		tool_warn("fatal: open %s: %s", k->m->path, strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	r = table_file_read(fd, (size_t)TABLE_TEXT_MAX + 1, b, k->why);
	if (r == -1)
		tool_warn("fatal: %s: %s", k->m->path, k->why);
	close(fd);
	return r;
}

/* Mode and owner of an incremental change follow the text if there is one, else the former file. */
static void stat_source(struct making *k, struct stat *st)
{
	memset(st, 0, sizeof *st);
	if (stat(k->m->path, st) == -1 && stat(k->target, st) == -1) {
		st->st_mode = 0644;
		st->st_uid = geteuid();
	}
}

static int build(struct making *k, struct str text)
{
	k->build = table_build_new(k->m->type, k->m->path, k->o->no_nul ? BUILD_NO_NUL : 0, k->why);
	if (k->build == NULL)
		return fatal(k->why);
	if ((k->o->incremental && copy_old(k, true) == -1) || put_text(k, text) == -1 ||
	    (k->o->aliases && put_alias_marks(k) == -1)) {
		table_build_abort(k->build);
		return fatal(k->why);
	}
	if (table_build_commit(k->build, k->mode, k->why) == -1)
		return fatal(k->why);
	if (k->o->verbose)
		tool_warn("%s is new", k->target);
	return 0;
}

static void making_init(struct making *k, const struct map_options *o, const struct map_name *m)
{
	const char *suffix = table_type_suffix(m->type);

	*k = (struct making){ .o = o, .m = m };
	arena_init(&k->arena);
	if (asprintf(&k->target, "%s%s", m->path, suffix != NULL ? suffix : "") == -1)
		abort();
}

static void making_clear(struct making *k)
{
	return_to_root();
	arena_clear(&k->arena);
	free(k->target);
}

static mode_t mode_of(const struct map_options *o, const struct stat *st)
{
	mode_t mask;

	if (!o->own_mode)
		return st->st_mode & 0666;
	mask = umask(0);
	umask(mask);
	return 0644 & ~mask;
}

int map_make(const struct map_options *o, const struct map_name *m)
{
	struct making k;
	struct stat st;
	struct buf text;
	int lock = -1, r;

	making_init(&k, o, m);
	k.source = o->incremental ? "stdin" : m->path;
	buf_init(&text, 1);
	if (table_type_suffix(m->type) == NULL) {
		r = tool_fail(
		    1, "fatal: unsupported map type for this operation: %.*s", STR_ARG(m->type));
	} else if (o->incremental) {
		stat_source(&k, &st);
		r = map_stdin(&text) == -1 ? tool_fail(1, "fatal: stdin: %s", strerror(errno)) : 0;
	} else {
		r = read_source(&k, &text, &st) == -1;
	}
	if (r == 0)
		k.mode = mode_of(o, &st);
	if (r == 0 && !o->keep_root)
		r = become(&st);
	if (r == 0 && (lock = lock_directory(k.target)) == -1)
		r = 1;
	if (r == 0)
		r = build(&k, buf_view(&text));
	if (lock != -1)
		close(lock);
	buf_clear(&text);
	making_clear(&k);
	return r;
}

/* Deletes the one key, or those on standard input: how many there were, or -1. */
static int delete_keys(struct making *k, const char *key)
{
	struct str line;
	int count = 0, r;

	if (strcmp(key, "-") != 0)
		return table_build_delete(
		    k->build, table_fold(&k->arena, str_of(key), map_fold(k->o)), k->why);
	while (map_stdin_line(&line)) {
		arena_reset(&k->arena);
		r = table_build_delete(
		    k->build, table_fold(&k->arena, line, map_fold(k->o)), k->why);
		if (r == -1)
			return -1;
		count += r;
	}
	return count;
}

static int delete_from(struct making *k, const char *key)
{
	int n;

	k->build = table_build_new(k->m->type, k->m->path, k->o->no_nul ? BUILD_NO_NUL : 0, k->why);
	if (k->build == NULL)
		return fatal(k->why);
	n = copy_old(k, false) == -1 ? -1 : delete_keys(k, key);
	if (n <= 0) {
		table_build_abort(k->build);
		return n == 0 ? 1 : fatal(k->why);
	}
	return table_build_commit(k->build, k->mode, k->why) == -1 ? fatal(k->why) : 0;
}

int map_delete(const struct map_options *o, const struct map_name *m, const char *key)
{
	struct making k;
	struct stat st;
	int lock, r = 0;

	if (table_type_suffix(m->type) == NULL)
		return tool_fail(
		    1, "fatal: unsupported map type for this operation: %.*s", STR_ARG(m->type));
	making_init(&k, o, m);
	if (stat(k.target, &st) == -1)
		r = tool_fail(1, "fatal: open database %s: %s", k.target, strerror(errno));
	k.mode = st.st_mode & 0666;
	if (r == 0 && !o->keep_root)
		r = become(&st);
	if (r == 0) {
		lock = lock_directory(k.target);
		r = lock == -1 ? 1 : delete_from(&k, key);
		if (lock != -1)
			close(lock);
	}
	making_clear(&k);
	return r;
}
