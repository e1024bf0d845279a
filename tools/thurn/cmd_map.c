/*
 * thurn map: makes lookup tables and asks them. Options, output and exit status are those of
 * postmap(1); called as postalias, or with -t, those of postalias(1). newaliases makes what
 * alias_maps names.
 */
#include <getopt.h>
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
	FLAG('u', ascii, true), FLAG('U', ascii, false), FLAG('F', files, true),
	FLAG('h', header, true), FLAG('b', body, true), FLAG('m', mime, true),
	FLAG('n', no_nul, true), FLAG('N', no_nul, false), FLAG('o', keep_root, true),
	FLAG('p', own_mode, true), FLAG('i', incremental, true), FLAG('r', replace, true),
	FLAG('w', silent, true), FLAG('j', json, true), FLAG('v', verbose, true) };

/* What is asked for: at most one of them. */
struct request {
	const char *query, *delete;
	bool list;
};

static const char options[] =
    "[-bfFhijmnNoprstuUvw] [-c config] [-d key] [-q key] [map_type:]file...";

static int usage(void)
{
	return tool_fail(1, "fatal: usage: %s %s", tool_name(), options);
}

/* Options that make no sense together, in the words of postmap(1). */
static int contradiction(const struct map_options *o, const struct request *q)
{
	if ((q->query != NULL) + (q->delete != NULL) + q->list > 1)
		return tool_fail(1, "fatal: specify only one of -s -q or -d");
	if ((o->header || o->body) && (q->query == NULL || strcmp(q->query, "-") != 0))
		return tool_fail(1, "fatal: specify -b -h or -m only with \"-q -\"");
	if (o->mime && !o->header && !o->body)
		tool_warn("warning: ignoring -m option without -b or -h");
	return 0;
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

/* The index of the first name, or -1 after a message. */
static int parse(int argc, char **argv, struct map_options *o, struct request *q)
{
	int c;

	optind = 1;
	opterr = 0;
	while ((c = getopt(argc, argv, "+bc:d:fFhijmnNopq:rstuUvw")) != -1) {
		if (c == 'q')
			q->query = optarg;
		else if (c == 'd')
			q->delete = optarg;
		else if (c == 's')
			q->list = true;
		else if (c == '?')
			tool_warn("invalid option -- '%c'", optopt);
		if (c == '?' || (strchr("cdqs", c) == NULL && !set_flag(o, c)))
			return usage(), -1;
	}
	if (optind == argc)
		return usage(), -1;
	return contradiction(o, q) == 0 ? optind : -1;
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
		return map_read(o, names, n, q->query);
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
		return 1;
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
	struct map_options o = { .json = tool_flag(&argc, argv, "json", '\0') };

	if (tool_flag(&argc, argv, "help", '\0'))
		return tool_usage("thurn map [--json] %s", options);
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
