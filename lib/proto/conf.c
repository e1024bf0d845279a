/*
 * The checked configuration. See conf.h.
 *
 * A value holds what the getter of its type returns, so that reading costs one search of the table;
 * its text is kept for encoding. Everything lives in the conf's own arena.
 */
#include "proto/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/ipc.h"
#include "proto/role.h"

enum {
	MAGIC = 0x31464354, /* "TCF1" */
	NAME_MAX_BYTES = 64,
	WHERE_MAX = 300,
};
enum record { RECORD_END, RECORD_VALUE, RECORD_SECTION };

struct value {
	const char *where; /* NULL = default */
	int64_t number;
	struct str *items; /* one, or those of a list */
	uint32_t n, cap;
	bool visible;
};

struct conf_section {
	const struct conf *conf;
	const char *kind; /* borrowed from the table */
	struct str title;
	const char *where;
	struct value *values; /* by row of the table */
};

struct conf {
	struct arena mem;
	unsigned role;
	struct conf_section top;
	struct conf_section **sections;
	size_t nsections;
};

/* --- making ---------------------------------------------------------------------------------- */

static bool row_visible(const struct setting *s, unsigned role)
{
	if (role == ROLE_MASTER || role == ROLE_TOOL || role == ROLE_CONFIG)
		return true;
	return (s->roles & ROLE_BIT(role)) != 0;
}

static bool same_section(const char *a, const char *b)
{
	return str_eq(str_of(a), str_of(b));
}

static void value_add(struct arena *mem, struct value *v, const struct setting *s, struct str text)
{
	if (s->type != SET_LIST)
		v->n = 0;
	if (v->n == v->cap) {
		uint32_t cap = v->cap == 0 ? 1 : v->cap * 2;
		struct str *items = arena_array(mem, cap, sizeof *items);

		if (v->n > 0)
			memcpy(items, v->items, v->n * sizeof *items);
		v->items = items;
		v->cap = cap;
	}
	v->items[v->n++] = arena_str(mem, text);
	if (s->type != SET_LIST && s->type != SET_STR && s->type != SET_ENUM &&
	    setting_number(s->type, text, &v->number) == -1)
		abort(); /* setting_check() was not asked */
}

static void value_default(struct arena *mem, struct value *v, const struct setting *s)
{
	struct str rest = str_of(s->def), word;

	if (s->type != SET_LIST)
		value_add(mem, v, s, rest);
	else
		while (str_word(&rest, &word))
			value_add(mem, v, s, word);
}

static void section_init(struct conf *c, struct conf_section *s, const char *kind)
{
	const struct setting *row;

	s->conf = c;
	s->kind = kind;
	s->values = arena_array(&c->mem, setting_count(), sizeof *s->values);
	for (size_t i = 0; (row = setting_at(i)) != NULL; i++) {
		if (!same_section(row->section, kind))
			continue;
		s->values[i].visible = row_visible(row, c->role);
		value_default(&c->mem, &s->values[i], row);
	}
}

static struct conf *conf_new_for(unsigned role)
{
	struct conf *c = xcalloc(1, sizeof *c);

	arena_init(&c->mem);
	c->role = role;
	section_init(c, &c->top, NULL);
	return c;
}

struct conf *conf_new(void)
{
	return conf_new_for(ROLE_TOOL);
}

void conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	free(c->sections);
	arena_clear(&c->mem);
	free(c);
}

static const char *where_text(struct conf *c, const char *file, unsigned line)
{
	struct str base = str_of(file);

	if (file == NULL)
		return "built in";
	base = str_take(str_skip(base, (size_t)(str_rfind(base, '/') + 1)), 255);
	if (line == 0)
		return arena_z(&c->mem, base);
	return arena_printf(&c->mem, "%.*s:%u", STR_ARG(base), line).p;
}

/* The value to be set, emptied if it still holds its default. */
static struct value *value_begin(
    struct conf *c, struct conf_section *s, const struct setting *row, const char *where)
{
	struct value *v = &(s == NULL ? &c->top : s)->values[setting_index(row)];

	if (v->where == NULL)
		v->n = 0;
	v->where = where;
	return v;
}

static const struct setting *row_to_set(const struct conf_section *s, const char *name)
{
	const struct setting *row = setting_find(s == NULL ? NULL : s->kind, str_of(name));

	if (row == NULL)
		abort();
	return row;
}

void conf_set(struct conf *c, struct conf_section *s, const char *name, struct str text,
    const char *file, unsigned line)
{
	const struct setting *row = row_to_set(s, name);

	value_add(&c->mem, value_begin(c, s, row, where_text(c, file, line)), row, text);
}

void conf_clear(
    struct conf *c, struct conf_section *s, const char *name, const char *file, unsigned line)
{
	value_begin(c, s, row_to_set(s, name), where_text(c, file, line))->n = 0;
}

static struct conf_section *add_section(
    struct conf *c, const char *kind, struct str title, const char *where)
{
	struct conf_section *s = arena_alloc(&c->mem, sizeof *s);

	section_init(c, s, kind);
	s->title = arena_str(&c->mem, title);
	s->where = where;
	c->sections = xreallocarray(c->sections, c->nsections + 1, sizeof *c->sections);
	c->sections[c->nsections++] = s;
	return s;
}

/* The table's own string for a kind of section, or NULL. */
static const char *kind_of(struct str kind)
{
	const struct setting *row;

	for (size_t i = 0; (row = setting_at(i)) != NULL; i++)
		if (row->section != NULL && str_eq(kind, str_of(row->section)))
			return row->section;
	return NULL;
}

struct conf_section *conf_add_section(
    struct conf *c, const char *kind, struct str title, const char *file, unsigned line)
{
	const char *known = kind_of(str_of(kind));

	if (known == NULL)
		abort();
	return add_section(c, known, title, where_text(c, file, line));
}

struct conf_section *conf_section_to_set(struct conf *c, size_t i)
{
	return i < c->nsections ? c->sections[i] : NULL;
}

/* --- reading --------------------------------------------------------------------------------- */

static _Noreturn void misuse(const char *name, const char *why)
{
	fprintf(stderr, "setting %s: %s\n", name, why);
	abort();
}

/* The value of a row of one of the types in the set `types`. */
static const struct value *value_of(const struct conf_section *s, const char *name, unsigned types)
{
	const struct setting *row = setting_find(s->kind, str_of(name));
	const struct value *v;

	if (row == NULL)
		misuse(name, "there is no such setting");
	if ((types & 1u << row->type) == 0)
		misuse(name, "asked for as another type");
	v = &s->values[setting_index(row)];
	if (!v->visible)
		misuse(name, role_name(s->conf->role));
	return v;
}

struct str section_str(const struct conf_section *s, const char *name)
{
	return value_of(s, name, 1u << SET_STR | 1u << SET_ENUM)->items[0];
}

bool section_bool(const struct conf_section *s, const char *name)
{
	return value_of(s, name, 1u << SET_BOOL)->number != 0;
}

int64_t section_int(const struct conf_section *s, const char *name)
{
	return value_of(s, name, 1u << SET_INT)->number;
}

uint64_t section_size(const struct conf_section *s, const char *name)
{
	return (uint64_t)value_of(s, name, 1u << SET_SIZE)->number;
}

uint64_t section_time(const struct conf_section *s, const char *name)
{
	return (uint64_t)value_of(s, name, 1u << SET_TIME)->number;
}

size_t section_count(const struct conf_section *s, const char *name)
{
	return value_of(s, name, 1u << SET_LIST)->n;
}

struct str section_item(const struct conf_section *s, const char *name, size_t i)
{
	const struct value *v = value_of(s, name, 1u << SET_LIST);

	if (i >= v->n)
		misuse(name, "has no such item");
	return v->items[i];
}

struct str section_where(const struct conf_section *s, const char *name)
{
	const struct value *v = value_of(s, name, ~0u);

	return str_of(v->where != NULL ? v->where : "default");
}

struct str conf_str(const struct conf *c, const char *name)
{
	return section_str(&c->top, name);
}

bool conf_bool(const struct conf *c, const char *name)
{
	return section_bool(&c->top, name);
}

int64_t conf_int(const struct conf *c, const char *name)
{
	return section_int(&c->top, name);
}

uint64_t conf_size(const struct conf *c, const char *name)
{
	return section_size(&c->top, name);
}

uint64_t conf_time(const struct conf *c, const char *name)
{
	return section_time(&c->top, name);
}

size_t conf_count(const struct conf *c, const char *name)
{
	return section_count(&c->top, name);
}

struct str conf_item(const struct conf *c, const char *name, size_t i)
{
	return section_item(&c->top, name, i);
}

int conf_fault(const struct conf *c, const char *name, char why[CONF_WHY], const char *fmt, ...)
{
	int n = snprintf(why, CONF_WHY, "%.*s: %s: ", STR_ARG(conf_where(c, name)), name);
	va_list ap;

	va_start(ap, fmt);
	if (n > 0 && n < CONF_WHY)
		vsnprintf(why + n, CONF_WHY - (size_t)n, fmt, ap);
	va_end(ap);
	return -1;
}

struct str conf_where(const struct conf *c, const char *name)
{
	return section_where(&c->top, name);
}

const struct conf_section *conf_any_section(const struct conf *c, size_t i)
{
	return i < c->nsections ? c->sections[i] : NULL;
}

const struct conf_section *conf_section(const struct conf *c, const char *kind, size_t i)
{
	for (size_t k = 0; k < c->nsections; k++)
		if (same_section(c->sections[k]->kind, kind) && i-- == 0)
			return c->sections[k];
	return NULL;
}

struct str section_title(const struct conf_section *s)
{
	return s->title;
}

const char *section_kind(const struct conf_section *s)
{
	return s->kind;
}

struct str section_place(const struct conf_section *s)
{
	return str_of(s->where);
}

bool conf_is_set(const struct conf *c, const struct conf_section *s, const struct setting *row)
{
	return (s == NULL ? &c->top : s)->values[setting_index(row)].where != NULL;
}

struct str conf_setting_where(
    const struct conf *c, const struct conf_section *s, const struct setting *row)
{
	const char *where = (s == NULL ? &c->top : s)->values[setting_index(row)].where;

	return str_of(where != NULL ? where : "default");
}

static void text_put(struct str s, bool quote, struct buf *b)
{
	if (quote)
		buf_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\' || s.p[i] == '$')
			buf_char(b, '\\');
		buf_char(b, s.p[i]);
	}
	if (quote)
		buf_char(b, '"');
}

void conf_text(
    const struct conf *c, const struct conf_section *s, const struct setting *row, struct buf *b)
{
	const struct value *v = &(s == NULL ? &c->top : s)->values[setting_index(row)];
	bool quote = row->type == SET_STR || row->type == SET_LIST;

	if (row->type == SET_LIST)
		buf_char(b, '{');
	for (uint32_t i = 0; i < v->n; i++) {
		if (i > 0)
			buf_z(b, ", ");
		text_put(v->items[i], quote, b);
	}
	if (row->type == SET_LIST)
		buf_char(b, '}');
}

void conf_plain(
    const struct conf *c, const struct conf_section *s, const struct setting *row, struct buf *b)
{
	const struct value *v = &(s == NULL ? &c->top : s)->values[setting_index(row)];

	for (uint32_t i = 0; i < v->n; i++) {
		buf_str(b, v->items[i]);
		buf_char(b, '\n');
	}
}

/* --- on the wire ----------------------------------------------------------------------------- */

static void put_value(struct put *w, const struct setting *row, const struct value *v)
{
	put_u8(w, RECORD_VALUE);
	put_z(w, row->name);
	put_z(w, v->where);
	put_u32(w, v->n);
}

static int encode_values(const struct conf_section *s, unsigned role, struct buf *b)
{
	const struct setting *row;

	for (size_t i = 0; (row = setting_at(i)) != NULL; i++) {
		struct put w = put_start();

		if (!same_section(row->section, s->kind) || !row_visible(row, role) ||
		    s->values[i].where == NULL)
			continue;
		put_value(&w, row, &s->values[i]);
		buf_str(b, put_view(&w));
		for (uint32_t k = 0; k < s->values[i].n; k++) {
			w = put_start();
			put_str(&w, s->values[i].items[k]);
			buf_str(b, put_view(&w));
		}
	}
	return b->full ? -1 : 0;
}

static bool kind_visible(const char *kind, unsigned role)
{
	const struct setting *row;

	for (size_t i = 0; (row = setting_at(i)) != NULL; i++)
		if (same_section(row->section, kind) && row_visible(row, role))
			return true;
	return false;
}

int conf_encode(const struct conf *c, unsigned role, struct buf *b)
{
	struct put w = put_start();

	put_u32(&w, MAGIC);
	put_u8(&w, (uint8_t)role);
	buf_str(b, put_view(&w));
	encode_values(&c->top, role, b);
	for (size_t i = 0; i < c->nsections; i++) {
		const struct conf_section *s = c->sections[i];

		if (!kind_visible(s->kind, role))
			continue;
		w = put_start();
		put_u8(&w, RECORD_SECTION);
		put_z(&w, s->kind);
		put_str(&w, s->title);
		put_z(&w, s->where);
		buf_str(b, put_view(&w));
		encode_values(s, role, b);
	}
	buf_char(b, RECORD_END);
	return b->full ? -1 : 0;
}

/* A value that is in the table, visible, there for the first time, and passes its check. */
static int decode_value(struct get *g, struct conf *c, struct conf_section *s)
{
	struct str name = get_str(g, NAME_MAX_BYTES), where = get_line(g, WHERE_MAX);
	const struct setting *row = setting_find(s->kind, name);
	uint32_t n = get_u32(g);
	char why[SETTING_WHY];
	struct value *v;

	if (get_ok(g) == -1 || row == NULL || n > SETTING_ITEMS_MAX ||
	    (row->type != SET_LIST && n != 1))
		return -1;
	v = &s->values[setting_index(row)];
	if (!v->visible || v->where != NULL)
		return -1;
	v->where = arena_z(&c->mem, where);
	v->n = 0;
	while (n-- > 0) {
		struct str text = get_str(g, SETTING_TEXT_MAX);

		if (get_ok(g) == -1 || setting_check(row, text, why) == -1)
			return -1;
		value_add(&c->mem, v, row, text);
	}
	return 0;
}

static struct conf_section *decode_section(struct get *g, struct conf *c)
{
	struct str kind = get_str(g, NAME_MAX_BYTES);
	struct str title = get_line(g, SETTING_TEXT_MAX), where = get_line(g, WHERE_MAX);
	const char *known = kind_of(kind);

	if (get_ok(g) == -1 || known == NULL || !kind_visible(known, c->role) ||
	    c->nsections >= CONF_SECTIONS_MAX)
		return NULL;
	return add_section(c, known, title, arena_z(&c->mem, where));
}

static int decode_records(struct get *g, struct conf *c)
{
	struct conf_section *s = &c->top;

	for (;;) {
		switch (get_u8(g)) {
		case RECORD_VALUE:
			if (decode_value(g, c, s) == -1)
				return -1;
			break;
		case RECORD_SECTION:
			s = decode_section(g, c);
			if (s == NULL)
				return -1;
			break;
		case RECORD_END:
			return get_end(g);
		default:
			return -1;
		}
	}
}

struct conf *conf_decode(struct str bytes)
{
	struct get g = get_start(bytes);
	uint32_t magic = get_u32(&g);
	uint8_t role = get_u8(&g);
	struct conf *c;

	if (get_ok(&g) == -1 || magic != MAGIC || role >= ROLE_MAX)
		return NULL;
	c = conf_new_for(role);
	if (decode_records(&g, c) == 0)
		return c;
	conf_free(c);
	return NULL;
}
