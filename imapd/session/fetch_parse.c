/* Reading what FETCH asks for (RFC 3501 6.4.5, RFC 7162 3.1.4). See fetch.h. */
#include "fetch.h"

#include <string.h>

#include "mail/mime_imap.h"

enum { LABEL_MAX = 70 * 1024 };

/* --- one item -------------------------------------------------------------------------------- */

/* Makes room for one more element of an array in the arena that has n, and room for powers of 2. */
static void *room(struct parse *p, void *array, size_t n, size_t size)
{
	void *more;

	if (n == 0)
		return arena_array(p->arena, 1, size);
	if ((n & (n - 1)) != 0)
		return array;
	more = arena_array(p->arena, 2 * n, size);
	memcpy(more, array, n * size);
	return more;
}

static bool add(struct parse *p, struct fetch *f, const struct fetch_item *item)
{
	if (f->n == FETCH_ITEMS)
		return parse_fail(p, "too many items");
	f->items = room(p, f->items, f->n, sizeof *f->items);
	f->items[f->n++] = *item;
	f->kinds |= 1u << item->kind;
	f->seen |= item->seen;
	return true;
}

static const struct {
	struct str name;
	enum section_text text;
	bool fields; /* a list of field names follows */
	bool part; /* only of a part */
} texts[] = {
	{ { "HEADER", 6 }, SECTION_HEADER, false, false },
	{ { "HEADER.FIELDS", 13 }, SECTION_FIELDS, true, false },
	{ { "HEADER.FIELDS.NOT", 17 }, SECTION_FIELDS_NOT, true, false },
	{ { "TEXT", 4 }, SECTION_TEXT, false, false },
	{ { "MIME", 4 }, SECTION_MIME, false, true },
};

static bool take_fields(struct parse *p, struct fetch_item *item, struct buf *label)
{
	if (!parse_sp(p) || !parse_char(p, '('))
		return false;
	buf_z(label, " (");
	do {
		struct str name;

		if (item->nfields == FETCH_FIELDS)
			return parse_fail(p, "too many fields");
		if (!parse_astring(p, &name))
			return false;
		if (item->nfields > 0)
			buf_char(label, ' ');
		imap_put_astring(label, name);
		item->fields = room(p, item->fields, item->nfields, sizeof *item->fields);
		item->fields[item->nfields++] = name;
	} while (parse_skip(p, ' '));
	buf_char(label, ')');
	return parse_char(p, ')');
}

/* "HEADER.FIELDS (...)" and so on, at the end of a section. */
static bool take_section_text(struct parse *p, struct fetch_item *item, struct buf *label)
{
	struct str name;

	if (!parse_atom(p, &name))
		return false;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (!str_caseeq(texts[i].name, name))
			continue;
		if (texts[i].part && item->depth == 0)
			return parse_fail(p, "MIME is of a part");
		item->text = texts[i].text;
		buf_str(label, texts[i].name);
		return !texts[i].fields || take_fields(p, item, label);
	}
	return parse_fail(p, "unknown section");
}

/* Part numbers: "1.2.3", or "1.2.3." in front of a text. */
static bool take_numbers(struct parse *p, struct fetch_item *item, struct buf *label, bool *more)
{
	uint32_t number;

	*more = true;
	while (p->p < p->end && ascii_digit(*p->p)) {
		if (*p->p == '0')
			return parse_fail(p, "parts begin with 1");
		if (!parse_u32(p, &number))
			return false;
		if (item->number == NULL)
			item->number = arena_array(p->arena, FETCH_DEPTH, sizeof *item->number);
		if (item->depth < FETCH_DEPTH)
			item->number[item->depth++] = number;
		else
			item->too_deep = true;
		buf_printf(label, "%u", number);
		*more = parse_skip(p, '.');
		if (!*more)
			return true;
		buf_char(label, '.');
	}
	return true;
}

/* "<0.1000>" */
static bool take_partial(struct parse *p, struct fetch_item *item, struct buf *label)
{
	if (!parse_skip(p, '<'))
		return true;
	item->partial = true;
	if (!parse_u32(p, &item->from) || !parse_char(p, '.') || !parse_u32(p, &item->count) ||
	    !parse_char(p, '>'))
		return false;
	if (item->count == 0)
		return parse_fail(p, "a part of 0 bytes");
	buf_printf(label, "<%u>", item->from);
	return true;
}

/* Behind "BODY" or "BODY.PEEK". */
static bool take_section(struct parse *p, struct fetch_item *item, struct buf *label)
{
	bool more;

	buf_z(label, "BODY[");
	if (!parse_char(p, '[') || !take_numbers(p, item, label, &more))
		return false;
	if (item->depth > 0 && more && parse_at(p, ']'))
		return parse_fail(p, "bad section");
	if (more && !parse_at(p, ']') && !take_section_text(p, item, label))
		return false;
	buf_char(label, ']');
	return parse_char(p, ']') && take_partial(p, item, label);
}

static bool take_body(struct parse *p, struct fetch *f, bool peek)
{
	struct fetch_item item = { .kind = FETCH_SECTION, .seen = !peek };
	struct buf label;
	bool good;

	buf_init(&label, LABEL_MAX);
	good = take_section(p, &item, &label) && !label.full;
	item.label = arena_str(p->arena, buf_view(&label));
	buf_clear(&label);
	return good && add(p, f, &item);
}

#define NAME(text, ...)                                                                            \
	{                                                                                          \
		{ text, sizeof text - 1 },                                                         \
		{                                                                                  \
			__VA_ARGS__, .label = { text, sizeof text - 1 }                            \
		}                                                                                  \
	}

static const struct {
	struct str name;
	struct fetch_item item;
} names[] = {
	NAME("UID", .kind = FETCH_UID),
	NAME("FLAGS", .kind = FETCH_FLAGS),
	NAME("INTERNALDATE", .kind = FETCH_INTERNALDATE),
	NAME("RFC822.SIZE", .kind = FETCH_SIZE),
	NAME("MODSEQ", .kind = FETCH_MODSEQ),
	NAME("ENVELOPE", .kind = FETCH_ENVELOPE),
	NAME("BODY", .kind = FETCH_BODY),
	NAME("BODYSTRUCTURE", .kind = FETCH_BODYSTRUCTURE),
	NAME("RFC822", .kind = FETCH_SECTION, .seen = true),
	NAME("RFC822.HEADER", .kind = FETCH_SECTION, .text = SECTION_HEADER),
	NAME("RFC822.TEXT", .kind = FETCH_SECTION, .text = SECTION_TEXT, .seen = true),
};

static bool add_named(struct parse *p, struct fetch *f, struct str name)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (str_caseeq(names[i].name, name))
			return add(p, f, &names[i].item);
	}
	return parse_fail(p, "unknown item");
}

static bool take_item(struct parse *p, struct fetch *f)
{
	struct str name;
	bool peek;

	if (!parse_name(p, &name))
		return false;
	peek = str_caseeq(name, STR("BODY.PEEK"));
	if (peek || (str_caseeq(name, STR("BODY")) && parse_at(p, '[')))
		return take_body(p, f, peek);
	return add_named(p, f, name);
}

/* --- all of it ------------------------------------------------------------------------------- */

static const struct {
	struct str name;
	struct str items[6];
} macros[] = {
	{ { "ALL", 3 },
	    { { "FLAGS", 5 }, { "INTERNALDATE", 12 }, { "RFC822.SIZE", 11 }, { "ENVELOPE", 8 } } },
	{ { "FAST", 4 }, { { "FLAGS", 5 }, { "INTERNALDATE", 12 }, { "RFC822.SIZE", 11 } } },
	{ { "FULL", 4 }, { { "FLAGS", 5 }, { "INTERNALDATE", 12 }, { "RFC822.SIZE", 11 },
			     { "ENVELOPE", 8 }, { "BODY", 4 } } },
};

/* A macro stands alone. */
static bool take_macro(struct parse *p, struct fetch *f)
{
	const char *start = p->p;
	struct str name;

	if (!parse_name(p, &name))
		return false;
	for (size_t i = 0; i < sizeof macros / sizeof *macros; i++) {
		if (!str_caseeq(macros[i].name, name))
			continue;
		for (const struct str *item = macros[i].items; item->n > 0; item++)
			add_named(p, f, *item);
		return true;
	}
	p->p = start;
	return take_item(p, f);
}

static bool take_items(struct parse *p, struct fetch *f)
{
	if (!parse_skip(p, '('))
		return take_macro(p, f);
	do {
		if (!take_item(p, f))
			return false;
	} while (parse_skip(p, ' '));
	return parse_char(p, ')');
}

bool fetch_parse(struct parse *p, struct fetch *f)
{
	struct str name;

	*f = (struct fetch){ 0 };
	if (!parse_sp(p) || !take_items(p, f))
		return false;
	if (parse_skip(p, ' ')) {
		if (!parse_char(p, '(') || !parse_atom(p, &name))
			return false;
		if (!str_caseeq(name, STR("CHANGEDSINCE")))
			return parse_fail(p, "unknown modifier");
		f->changed = true;
		if (!parse_sp(p) || !parse_u63(p, &f->changedsince) || !parse_char(p, ')'))
			return false;
	}
	return parse_end(p);
}
