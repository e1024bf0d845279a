/*
 * From the scanned text to a configuration. See parse.h.
 *
 * libconfuse gives its callbacks no argument of ours, so the state of the one parser is static. It
 * may end the process when it is out of memory, and expands variables: that is why this is a
 * program of its own with an empty environment, and why it sees only what scan.c has passed.
 */
#include "parse.h"

#include <confuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "nearest.h"

enum { TITLE_MAX = 255, SENTENCE_MAX = 1000, QUOTE_MAX = 200 };

static struct parser {
	const struct scan *scan;
	struct faults *faults;
	struct conf *conf;
	cfg_t *top;
	struct {
		cfg_t *cfg;
		struct conf_section *section;
	} sections[CONF_SECTIONS_MAX];
	size_t nsections;
} parser;

/* --- places ---------------------------------------------------------------------------------- */

static void fault(unsigned line, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fault(unsigned line, const char *fmt, ...)
{
	char text[SENTENCE_MAX]; /* longer ones are cut */
	const char *file;
	unsigned in_file;
	va_list ap;

	scan_place(parser.scan, line, &file, &in_file);
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	faults_add(parser.faults, file, in_file, "%s", text);
}

static unsigned line_of(const cfg_t *cfg)
{
	return cfg->line > 0 ? (unsigned)cfg->line : 1;
}

/* --- what libconfuse complains of ------------------------------------------------------------ */

static const char *kind_of(const cfg_t *cfg)
{
	return cfg == parser.top ? NULL : cfg->name;
}

static void unknown(const cfg_t *cfg, struct str name)
{
	const char *kind = kind_of(cfg), *near = nearest_setting(kind, name);
	const struct setting *row = setting_find(kind, name);

	if (row != NULL && row->origin == FROM_CONFIG)
		fault(line_of(cfg), "%.*s is worked out by the program and cannot be set",
		    STR_ARG(name));
	else
		fault(line_of(cfg), "there is no setting \"%.*s\"%s%s%s%s%s", STR_ARG(name),
		    kind != NULL ? " in a section " : "", kind != NULL ? kind : "",
		    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
		    near != NULL ? "\"?" : "");
}

static void complain(cfg_t *cfg, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static void complain(cfg_t *cfg, const char *fmt, va_list ap)
{
	static const struct str unknown_option = STR("no such option '");
	char text[SENTENCE_MAX];
	struct str s;

	vsnprintf(text, sizeof text, fmt, ap);
	s = str_of(text);
	if (str_starts(s, unknown_option)) {
		s = str_skip(s, unknown_option.n);
		unknown(cfg, str_take(s, s.n > QUOTE_MAX ? QUOTE_MAX : s.n - 1));
	} else {
		fault(line_of(cfg), "%s", text);
	}
}

/* --- values ---------------------------------------------------------------------------------- */

static struct conf_section *section_of(cfg_t *cfg)
{
	const char *file, *title = cfg_title(cfg);
	unsigned line;

	for (size_t i = 0; i < parser.nsections; i++)
		if (parser.sections[i].cfg == cfg)
			return parser.sections[i].section;
	if (parser.nsections == CONF_SECTIONS_MAX)
		return NULL;
	if (title == NULL || title[0] == '\0' || strlen(title) > TITLE_MAX)
		fault(
		    line_of(cfg), "the title of a section must have 1 to %d characters", TITLE_MAX);
	scan_place(parser.scan, line_of(cfg), &file, &line);
	parser.sections[parser.nsections].cfg = cfg;
	parser.sections[parser.nsections].section =
	    conf_add_section(parser.conf, cfg->name, str_of(title), file, line);
	return parser.sections[parser.nsections++].section;
}

/* Does that option belong to this part of the file? (libconfuse takes "section|name" anywhere.) */
static bool belongs(const cfg_t *cfg, const cfg_opt_t *opt)
{
	for (const cfg_opt_t *o = cfg->opts; o != NULL && o->name != NULL; o++)
		if (o == opt)
			return true;
	return false;
}

static int take_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	const struct setting *row = setting_find(kind_of(cfg), str_of(opt->name));
	struct conf_section *section = NULL;
	unsigned line = line_of(cfg), in_file;
	char why[SETTING_WHY];
	const char *file;

	*(const char **)result = value;
	if (!belongs(cfg, opt) || row == NULL) {
		fault(line, "there is no setting \"%s\" here", opt->name);
		return 0;
	}
	if (cfg != parser.top && (section = section_of(cfg)) == NULL) {
		fault(line, "more than %d sections", CONF_SECTIONS_MAX);
		return 1;
	}
	if (opt->nvalues == 1 && conf_is_set(parser.conf, section, row))
		fault(line, "%s is set for the second time (first in %.*s)", opt->name,
		    STR_ARG(conf_setting_where(parser.conf, section, row)));
	else if (opt->nvalues > SETTING_ITEMS_MAX)
		fault(line, "%s has more than %d items", opt->name, SETTING_ITEMS_MAX);
	else if (setting_check(row, str_of(value), why) == -1)
		fault(line, "%s", why);
	else {
		scan_place(parser.scan, line, &file, &in_file);
		conf_set(parser.conf, section, row->name, str_of(value), file, in_file);
	}
	return 0;
}

/* At the end of a section: also one without a setting counts. */
static int take_section(cfg_t *cfg, cfg_opt_t *opt)
{
	if (section_of(cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1)) != NULL)
		return 0;
	fault(line_of(cfg), "more than %d sections", CONF_SECTIONS_MAX);
	return 1;
}

/* `name = {}`: libconfuse tells no callback. */
static void take_empty_lists(cfg_t *cfg, struct conf_section *section)
{
	for (cfg_opt_t *o = cfg->opts; o->name != NULL; o++)
		if (o->type == CFGT_STR && (o->flags & CFGF_LIST) != 0 &&
		    (o->flags & CFGF_MODIFIED) != 0 && o->nvalues == 0)
			conf_clear(parser.conf, section, o->name, parser.scan->parts[0].file, 0);
}

/* --- the grammar: libconfuse's options, made from the table of settings ----------------------- */

static cfg_opt_t option(const struct setting *s)
{
	return (cfg_opt_t){
		.name = s->name,
		.type = CFGT_STR,
		.flags = CFGF_NODEFAULT | (s->type == SET_LIST ? CFGF_LIST : CFGF_NONE),
		.parsecb = take_value,
	};
}

/* All options of a kind of section (NULL = top level, with the kinds themselves); on the heap. */
static cfg_opt_t *grammar(const char *kind)
{
	const struct setting *s;
	size_t used = 0;
	cfg_opt_t *opts = xcalloc(setting_count() + 1, sizeof *opts);

	for (size_t i = 0; (s = setting_at(i)) != NULL; i++) {
		bool known = false;

		if (str_eq(str_of(s->section), str_of(kind))) {
			if (s->origin == FROM_FILE)
				opts[used++] = option(s);
			continue;
		}
		for (size_t k = 0; k < used; k++)
			known = known || str_eq(str_of(opts[k].name), str_of(s->section));
		if (kind != NULL || known)
			continue;
		opts[used++] = (cfg_opt_t){
			.name = s->section,
			.type = CFGT_SEC,
			.flags = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES,
			.subopts = grammar(s->section),
			.validcb = take_section,
		};
	}
	return opts;
}

static void grammar_free(cfg_opt_t *opts)
{
	for (cfg_opt_t *o = opts; o->name != NULL; o++)
		if (o->subopts != NULL)
			grammar_free(o->subopts);
	free(opts);
}

struct conf *parse(const struct scan *s, struct faults *f)
{
	cfg_opt_t *opts = grammar(NULL);
	struct conf *c = conf_new();
	struct buf text;

	parser =
	    (struct parser){ .scan = s, .faults = f, .conf = c, .top = cfg_init(opts, CFGF_NONE) };
	if (parser.top == NULL)
		abort();
	cfg_set_error_function(parser.top, complain);
	buf_init(&text, SCAN_TEXT_MAX + 2);
	buf_str(&text, buf_view(&s->text));
	if (!str_ends(buf_view(&text), STR("\n")))
		buf_char(&text, '\n');
	if (cfg_parse_buf(parser.top, buf_cstr(&text)) == CFG_SUCCESS) {
		take_empty_lists(parser.top, NULL);
		for (size_t i = 0; i < parser.nsections; i++)
			take_empty_lists(parser.sections[i].cfg, parser.sections[i].section);
	} else if (f->n == 0)
		faults_add(f, s->nparts > 0 ? s->parts[0].file : NULL, 0, "cannot be parsed");
	cfg_free(parser.top);
	grammar_free(opts);
	buf_clear(&text);
	return c;
}
