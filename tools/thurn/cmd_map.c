/*
 * thurn map: makes lookup tables and asks them. Options, output and exit status are those of
 * postmap(1); called as postalias, or with -t, those of postalias(1). newaliases makes what
 * alias_maps names.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "command.h"
#include "compat.h"
#include "map.h"

static const char default_type[] = "hash";

/* --- names ----------------------------------------------------------------------------------- */

static void name_init(struct map_name *m, struct str type, struct str path)
{
	m->type = type;
	m->path = str_dup(path);
	if (asprintf(&m->spec, "%.*s:%s", STR_ARG(type), m->path) == -1)
		abort();
}

static void name_clear(struct map_name *m)
{
	free(m->path);
	free(m->spec);
}

/* "type:name" or "name". */
static void name_split(struct map_name *m, const char *arg)
{
	struct str s = str_of(arg);
	ssize_t colon = str_find(s, ':');

	if (colon > 0 && str_find(str_take(s, (size_t)colon), '/') == -1)
		name_init(m, str_take(s, (size_t)colon), str_skip(s, (size_t)colon + 1));
	else
		name_init(m, str_of(default_type), s);
}

/* --- asking ---------------------------------------------------------------------------------- */

bool map_stdin_line(struct str *line)
{
	static char *space;
	static size_t size;
	ssize_t n = getline(&space, &size, stdin);

	if (n <= 0)
		return false;
	if (space[n - 1] == '\n')
		n--;
	*line = str_bytes(space, (size_t)n);
	return true;
}

static void print_json(struct str key, struct str value)
{
	json_t *o = json_object(), *v = json_stringn(value.p, value.n);
	char *text = NULL;

	if (o != NULL && v != NULL && json_object_setn(o, key.p, key.n, v) == 0)
		text = json_dumps(o, JSON_COMPACT);
	if (text == NULL)
		tool_warn("warning: \"%.*s\" is not UTF-8", STR_ARG(key));
	else
		puts(text);
	free(text);
	json_decref(v);
	json_decref(o);
}

void map_print(const struct map_options *o, struct str key, struct str value)
{
	if (o->json)
		print_json(key, value);
	else
		printf("%.*s%s\t%.*s\n", STR_ARG(key), o->aliases ? ":" : "", STR_ARG(value));
}

/* One key in all tables, the first that has it counts: 0, 1 = nowhere, -1 after a message. */
static int find(struct table **tables, size_t n, struct str key, struct arena *a, struct str *value)
{
	struct table_answer out;

	for (size_t i = 0; i < n; i++) {
		switch (table_lookup(tables[i], key, a, &out)) {
		case TABLE_FOUND:
			*value = out.value;
			return 0;
		case TABLE_FAILED:
			tool_warn("fatal: table %.*s: query error: %.*s", STR_ARG(out.rule),
			    STR_ARG(out.why));
			return -1;
		case TABLE_NONE:
			break;
		}
	}
	return 1;
}

/* Keys from standard input; what is found is printed with its key. */
static int ask_stdin(const struct map_options *o, struct table **tables, size_t n, struct arena *a)
{
	struct str key, value;
	int status = 1;

	while (map_stdin_line(&key)) {
		int r = find(tables, n, key, a, &value);

		if (r == -1)
			return 1;
		if (r == 0) {
			map_print(o, key, value);
			status = 0;
		}
		arena_reset(a);
	}
	return status;
}

static int ask(const struct map_options *o, struct table **tables, size_t n, const char *key)
{
	struct arena a;
	struct str value;
	int r;

	arena_init(&a);
	if (strcmp(key, "-") == 0) {
		r = ask_stdin(o, tables, n, &a);
	} else {
		r = find(tables, n, str_of(key), &a, &value);
		if (r == 0 && o->json)
			print_json(str_of(key), value);
		else if (r == 0)
			printf("%.*s\n", STR_ARG(value));
	}
	arena_clear(&a);
	return r == 0 ? 0 : 1;
}

static int print_entry(void *arg, struct str key, struct str value)
{
	map_print(arg, key, value);
	return ferror(stdout) ? 1 : 0;
}

static int list(struct map_options *o, struct table **tables, size_t n)
{
	char why[TABLE_WHY];

	for (size_t i = 0; i < n; i++) {
		if (table_each(tables[i], print_entry, o, why) == -1)
			return tool_fail(1, "fatal: %s", why);
	}
	return 0;
}

/* Opens all, then asks (key) or lists (no key). */
static int read_tables(
    struct map_options *o, const struct map_name *names, size_t n, const char *key)
{
	struct table **tables = xcalloc(n, sizeof(struct table *));
	unsigned flags = TABLE_ANYWHERE | (o->no_fold ? TABLE_NO_FOLD : 0);
	char why[TABLE_WHY];
	size_t i;
	int r = 0;

	for (i = 0; i < n && r == 0; i++) {
		tables[i] = table_open(AT_FDCWD, str_of(names[i].spec), flags, why);
		if (tables[i] == NULL)
			r = tool_fail(1, "fatal: open database %s", why);
		else if (table_stale(tables[i])[0] != '\0')
			tool_warn("warning: %s", table_stale(tables[i]));
	}
	if (r == 0)
		r = key != NULL ? ask(o, tables, n, key) : list(o, tables, n);
	for (i = 0; i < n; i++)
		table_close(tables[i]);
	free(tables);
	if (fflush(stdout) == EOF && r == 0)
		r = tool_fail(1, "fatal: standard output: %s", strerror(errno));
	return r;
}

/* --- options --------------------------------------------------------------------------------- */

struct option_row {
	char letter;
	size_t offset;
	bool value;
};
#define FLAG(letter, field, value)                                                                 \
	{                                                                                          \
		letter, offsetof(struct map_options, field), value                                 \
	}
static const struct option_row rows[] = { FLAG('t', aliases, true), FLAG('f', no_fold, true),
	FLAG('n', no_nul, true), FLAG('N', no_nul, false), FLAG('o', keep_root, true),
	FLAG('p', own_mode, true), FLAG('i', incremental, true), FLAG('r', replace, true),
	FLAG('w', silent, true), FLAG('j', json, true), FLAG('v', verbose, true) };

/* What is asked for: at most one of them. */
struct request {
	const char *query, *delete;
	bool list;
};

static int usage(void)
{
	return tool_fail(
	    1, "usage: %s [-finNoprstvwj] [-d key] [-q key] [type:]name ...", tool_name());
}

static bool set_flag(struct map_options *o, int letter)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (rows[i].letter == letter) {
			*(bool *)(void *)((char *)o + rows[i].offset) = rows[i].value;
			return true;
		}
	}
	return false;
}

/* The index of the first name, or -1. */
static int parse(int argc, char **argv, struct map_options *o, struct request *q)
{
	int c;

	optind = 1;
	opterr = 0;
	while ((c = getopt(argc, argv, "+c:d:q:fijnNoprstuUvw")) != -1) {
		if (c == 'q')
			q->query = optarg;
		else if (c == 'd')
			q->delete = optarg;
		else if (c == 's')
			q->list = true;
		else if (c != 'c' && c != 'u' && c != 'U' && !set_flag(o, c))
			return -1;
	}
	if ((q->query != NULL) + (q->delete != NULL) + q->list + o->incremental > 1)
		return -1;
	return optind < argc ? optind : -1;
}

static int delete_all(
    const struct map_options *o, const struct map_name *names, size_t n, const char *key)
{
	int status = 1;

	for (size_t i = 0; i < n; i++) {
		if (map_delete(o, &names[i], key) == 0)
			status = 0;
	}
	return status;
}

static int make_all(const struct map_options *o, const struct map_name *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = map_make(o, &names[i]);

		if (r != 0)
			return r;
	}
	return 0;
}

static int run(
    struct map_options *o, const struct request *q, const struct map_name *names, size_t n)
{
	if (q->query != NULL || q->list)
		return read_tables(o, names, n, q->query);
	if (q->delete != NULL)
		return delete_all(o, names, n, q->delete);
	return make_all(o, names, n);
}

static int map(
    int argc, char **argv, struct map_options *o, void (*name)(struct map_name *m, const char *arg))
{
	struct request q = { .list = false };
	int first = parse(argc, argv, o, &q), r;
	struct map_name *names;

	if (first == -1)
		return usage();
	names = xcalloc((size_t)(argc - first), sizeof *names);
	for (int i = first; i < argc; i++)
		name(&names[i - first], argv[i]);
	r = run(o, &q, names, (size_t)(argc - first));
	for (int i = first; i < argc; i++)
		name_clear(&names[i - first]);
	free(names);
	return r;
}

/* --- the commands ---------------------------------------------------------------------------- */

/*
 * In thurn map, a plain name is one of the table directory, as in the settings; ./name and /name
 * are files anywhere. The configuration is only read when it is needed.
 */
static void name_of_suite(struct map_name *m, const char *arg)
{
	struct str s = str_of(arg);
	ssize_t colon = table_is_spec(s) ? str_find(s, ':') : -1;
	struct str type = colon > 0 ? str_take(s, (size_t)colon) : str_of(default_type);
	struct str path = str_skip(s, (size_t)(colon + 1)), dir;
	char *joined;

	if (path.n == 0 || path.p[0] == '/' || path.p[0] == '.' || path.p[0] == '{' ||
	    str_eq(type, STR("static"))) {
		name_init(m, type, path);
		return;
	}
	dir = conf_str(tool_conf(), "table_directory");
	if (asprintf(&joined, "%.*s/%.*s", STR_ARG(dir), STR_ARG(path)) == -1)
		abort();
	name_init(m, type, str_of(joined));
	free(joined);
}

int cmd_map(int argc, char **argv)
{
	struct map_options o = { .aliases = false };

	return map(argc, argv, &o, name_of_suite);
}

int compat_postmap(int argc, char **argv)
{
	struct map_options o = { .aliases = false };

	return map(argc, argv, &o, name_split);
}

int compat_postalias(int argc, char **argv)
{
	struct map_options o = { .aliases = true };

	return map(argc, argv, &o, name_split);
}

int compat_newaliases(int argc, char **argv)
{
	const struct conf *c = tool_conf();
	struct map_options o = { .aliases = true };
	int status = 0;

	(void)argc;
	(void)argv;
	for (size_t i = 0; i < conf_count(c, "alias_maps"); i++) {
		char *arg = str_dup(conf_item(c, "alias_maps", i));
		struct map_name m;

		name_of_suite(&m, arg);
		if (table_type_suffix(m.type) != NULL && map_make(&o, &m) != 0)
			status = EX_DATAERR;
		name_clear(&m);
		free(arg);
	}
	return status;
}
