/* thurn config: what is set, whether it is right, and the manual page of all settings. */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "candidate.h"
#include "command.h"
#include "mdoc.h"
#include "net/here.h"
#include "proto/confload.h"

struct view {
	const struct conf *conf;
	const char *name; /* only this one; NULL = all */
	bool json, set_only, hit;
};

/* --- showing --------------------------------------------------------------------------------- */

static void value_text(
    const struct view *v, const struct conf_section *s, const struct setting *row, struct buf *b)
{
	buf_reset(b);
	conf_text(v->conf, s, row, b);
}

static void show_json(
    const struct view *v, const struct conf_section *s, const struct setting *row, struct buf *b)
{
	struct str where = conf_setting_where(v->conf, s, row);
	json_t *o = json_object();
	char *line;

	json_object_set_new(o, "name", json_string(row->name));
	if (s != NULL) {
		json_object_set_new(o, "section", json_string(section_kind(s)));
		json_object_set_new(
		    o, "title", json_stringn(section_title(s).p, section_title(s).n));
	}
	json_object_set_new(o, "value", json_stringn(b->p, b->n));
	json_object_set_new(o, "where", json_stringn(where.p, where.n));
	line = json_dumps(o, JSON_COMPACT);
	if (line != NULL)
		puts(line);
	free(line);
	json_decref(o);
}

static bool wanted(const struct view *v, const struct conf_section *s, const struct setting *row)
{
	struct str where = conf_setting_where(v->conf, s, row);

	if (row->origin == FROM_CONFIG)
		return v->name != NULL && strcmp(v->name, row->name) == 0;
	if (v->name != NULL && strcmp(v->name, row->name) != 0)
		return false;
	return !v->set_only || !(str_eq(where, STR("default")) || str_eq(where, STR("built in")));
}

static void show_rows(struct view *v, const struct conf_section *s)
{
	const struct setting *row;
	struct buf b;

	buf_init(&b, 64 << 20);
	for (size_t i = 0; (row = setting_at(i)) != NULL; i++) {
		const char *kind = s != NULL ? section_kind(s) : NULL;

		if (!str_eq(str_of(row->section), str_of(kind)) || !wanted(v, s, row))
			continue;
		v->hit = true;
		value_text(v, s, row, &b);
		if (v->json)
			show_json(v, s, row, &b);
		else
			printf("%s%s = %s\n", s != NULL ? "\t" : "", row->name, buf_cstr(&b));
	}
	buf_clear(&b);
}

static int config_show(int argc, char **argv)
{
	struct view v = { .json = tool_flag(&argc, argv, "json", 'j') };
	bool defaults = tool_flag(&argc, argv, "defaults", 'd');
	const struct conf_section *s;

	v.set_only = tool_flag(&argc, argv, "set", 'n');
	if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
		return tool_usage("thurn config show [-d | -n] [--json] [NAME]");
	v.name = argc == 2 ? argv[1] : NULL;
	v.conf = defaults ? conf_new() : tool_conf();
	show_rows(&v, NULL);
	for (size_t i = 0; (s = conf_any_section(v.conf, i)) != NULL; i++) {
		if (v.set_only && str_eq(section_place(s), STR("built in")))
			continue;
		if (!v.json && v.name == NULL)
			printf("%s \"%.*s\" {\n", section_kind(s), STR_ARG(section_title(s)));
		show_rows(&v, s);
		if (!v.json && v.name == NULL)
			printf("}\n");
	}
	if (v.name != NULL && !v.hit)
		return tool_fail(EX_DATAERR, "there is no setting \"%s\"%s", v.name,
		    v.set_only ? " in the file" : "");
	return EX_OK;
}

/* --- one value ------------------------------------------------------------------------------- */

/* "name", or "kind.title.name" in a section. */
static const struct setting *find(
    const struct conf *c, struct str path, const struct conf_section **section)
{
	ssize_t first = str_find(path, '.'), last = str_rfind(path, '.');
	const struct conf_section *s;
	char kind[64];

	*section = NULL;
	if (first == -1)
		return setting_find(NULL, path);
	if (first == last || str_copy(str_take(path, (size_t)first), kind, sizeof kind) == -1)
		return NULL;
	for (size_t i = 0; (s = conf_section(c, kind, i)) != NULL; i++) {
		struct str title =
		    str_take(str_skip(path, (size_t)first + 1), (size_t)(last - first - 1));

		if (!str_eq(title, section_title(s)))
			continue;
		*section = s;
		return setting_find(kind, str_skip(path, (size_t)last + 1));
	}
	return NULL;
}

static int config_get(int argc, char **argv)
{
	bool json = tool_flag(&argc, argv, "json", 'j');
	const struct conf_section *s;
	const struct setting *row;
	const struct conf *c;
	struct buf b;

	if (argc != 2 || argv[1][0] == '-')
		return tool_usage("thurn config get [--json] NAME | KIND.TITLE.NAME");
	c = tool_conf();
	row = find(c, str_of(argv[1]), &s);
	if (row == NULL)
		return tool_fail(EX_DATAERR, "there is no setting \"%s\"", argv[1]);
	buf_init(&b, 64 << 20);
	if (json) {
		const struct view v = { .conf = c };

		value_text(&v, s, row, &b);
		show_json(&v, s, row, &b);
	} else {
		conf_plain(c, s, row, &b);
		fwrite(b.p, 1, b.n, stdout);
	}
	buf_clear(&b);
	return EX_OK;
}

/* --- checking -------------------------------------------------------------------------------- */

static void check_json(struct str lines, const char *level)
{
	struct str line;

	while (str_cut(&lines, '\n', &line)) {
		json_t *o = json_object();
		char *text;

		json_object_set_new(o, "level", json_string(level));
		json_object_set_new(o, "text", json_stringn(line.p, line.n));
		text = json_dumps(o, JSON_COMPACT);
		if (line.n > 0 && text != NULL)
			puts(text);
		free(text);
		json_decref(o);
	}
}

/* What only this host knows. */
static void check_sources(const struct conf *c, struct buf *text)
{
	const struct conf_section *s;

	for (size_t i = 0; (s = conf_section(c, "source", i)) != NULL; i++) {
		struct str where = section_where(s, "address");

		for (size_t k = 0; k < section_count(s, "address"); k++) {
			struct str address = section_item(s, "address", k);
			struct ip ip;

			if (ip_parse(address, &ip) == 0 && here_check(&ip) != 0)
				buf_printf(text,
				    "%.*s: source %.*s: this host does not have the address %.*s; "
				    "mail from it will wait\n",
				    STR_ARG(where), STR_ARG(section_title(s)), STR_ARG(address));
		}
	}
}

/* What the suite finds out only when it needs it. */
static void check_credentials(const struct conf *c, struct buf *faults, struct buf *warnings)
{
	struct str path = conf_str(c, "remote_credentials"),
		   where = conf_where(c, "remote_credentials");
	char name[PATH_MAX];
	struct stat st;

	if (path.n == 0 || str_copy(path, name, sizeof name) == -1)
		return;
	if (stat(name, &st) == -1) {
		if (errno != EACCES) /* then it is root's to find out */
			buf_printf(faults, "%.*s: remote_credentials: %s: %s\n", STR_ARG(where),
			    name, strerror(errno));
	} else if ((st.st_mode & 077) != 0) {
		buf_printf(warnings,
		    "%.*s: remote_credentials: %s can be read or written by others (mode %03o)\n",
		    STR_ARG(where), name, (unsigned)st.st_mode & 0777);
	}
}

/* One that cannot be read is not used, and the suite does without it. */
static void check_key_files(const struct conf *c, struct buf *warnings)
{
	static const char *const files[][2] = { { "certificate", "certificate" },
		{ "certificate", "key" }, { "dkim", "key" } };
	const struct conf_section *s;
	char path[PATH_MAX];

	for (size_t k = 0; k < sizeof files / sizeof files[0]; k++)
		for (size_t i = 0; (s = conf_section(c, files[k][0], i)) != NULL; i++)
			if (str_copy(section_str(s, files[k][1]), path, sizeof path) == 0 &&
			    access(path, F_OK) == -1 && errno != EACCES)
				buf_printf(warnings,
				    "%.*s: %s %.*s: %s: %s: %s; it cannot be used\n",
				    STR_ARG(section_where(s, files[k][1])), files[k][0],
				    STR_ARG(section_title(s)), files[k][1], path, strerror(errno));
}

/* Tables and address classes, as the lookup service of the suite would judge them. */
static void check_tables(const struct conf *c, struct buf *faults)
{
	char path[PATH_MAX];

	/* made by the first start, or not to be looked into by everybody */
	if (str_copy(conf_str(c, "table_directory"), path, sizeof path) == -1 ||
	    access(path, R_OK | X_OK) == -1)
		return;
	candidate_start(tool_conf_path(), faults);
	candidate_stop();
}

static void tell(struct buf *lines, const char *level, bool json)
{
	struct str rest = buf_view(lines), line;

	if (json)
		check_json(rest, level);
	else
		while (str_cut(&rest, '\n', &line))
			if (line.n > 0)
				fprintf(stderr, "%s%.*s\n",
				    strcmp(level, "warning") == 0 ? "warning: " : "",
				    STR_ARG(line));
	buf_clear(lines);
}

static int config_check(int argc, char **argv)
{
	bool json = tool_flag(&argc, argv, "json", 'j');
	struct buf faults, warnings;
	char program[PATH_MAX + 32];
	struct conf *c;
	int status;

	if (argc != 1)
		return tool_usage("thurn config check [--json]");
	snprintf(program, sizeof program, "%s/master-config", tool_libexec());
	buf_init(&faults, CONF_LINES_MAX);
	buf_init(&warnings, CONF_LINES_MAX);
	c = conf_load(program, tool_conf_path(), &warnings);
	if (c == NULL) {
		buf_str(&faults, buf_view(&warnings));
		buf_reset(&warnings);
	} else {
		check_sources(c, &warnings);
		check_key_files(c, &warnings);
		check_credentials(c, &faults, &warnings);
		check_tables(c, &faults);
	}
	conf_free(c);
	status = faults.n > 0 ? EX_CONFIG : EX_OK;
	tell(&warnings, "warning", json);
	tell(&faults, "fault", json);
	return status;
}

static int config_mdoc(int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		return tool_usage("thurn config --mdoc");
	mdoc_settings(stdout);
	return EX_OK;
}

static const struct {
	const char *name;
	int (*fn)(int argc, char **argv);
} actions[] = {
	{ "show", config_show },
	{ "get", config_get },
	{ "check", config_check },
	{ "--mdoc", config_mdoc },
};

int cmd_config(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof actions / sizeof actions[0]; i++)
		if (strcmp(argv[1], actions[i].name) == 0)
			return actions[i].fn(argc - 1, argv + 1);
	if (argc == 1 || argv[1][0] == '-')
		return config_show(argc, argv);
	return tool_usage("thurn config show | get | check | --mdoc");
}
