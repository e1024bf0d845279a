/* DKIM signatures. See dkim.h. */
#include "dkim.h"

#include <string.h>

#include "base/base64.h"
#include "mail/header.h"

enum { LINE = 72 }; /* where our field is folded */

#define OWN "dkim-signature:"

/* --- a body ----------------------------------------------------------------------------------- */

void dkim_body_start(struct dkim_body *b, void (*out)(void *arg, struct str bytes), void *arg)
{
	*b = (struct dkim_body){ .out = out, .arg = arg };
}

/* What was held back is inside of the body after all. */
static void put_held(struct dkim_body *b)
{
	for (; b->ends > 0; b->ends--)
		b->out(b->arg, STR("\r\n"));
	if (b->blank)
		b->out(b->arg, STR(" "));
	if (b->cr)
		b->out(b->arg, STR("\r"));
	b->blank = b->cr = false;
	b->any = true;
}

static bool is_plain(char c)
{
	return c != ' ' && c != '\t' && c != '\r' && c != '\n';
}

static void feed_special(struct dkim_body *b, char c)
{
	bool ends = c == '\n' && b->cr;

	if (b->cr && !ends)
		put_held(b);
	b->cr = false;
	if (ends) {
		b->ends++;
		b->blank = false; /* (a): not at the end of a line */
	} else if (c == '\r') {
		b->cr = true;
	} else if (c == '\n') {
		put_held(b);
		b->out(b->arg, STR("\n"));
	} else {
		b->blank = true;
	}
}

void dkim_body_feed(struct dkim_body *b, struct str bytes)
{
	while (bytes.n > 0) {
		size_t n = 0;

		while (n < bytes.n && is_plain(bytes.p[n]))
			n++;
		if (n > 0) {
			put_held(b);
			b->out(b->arg, str_take(bytes, n));
		} else {
			feed_special(b, bytes.p[n++]);
		}
		bytes = str_skip(bytes, n);
	}
}

void dkim_body_finish(struct dkim_body *b)
{
	if (b->cr)
		put_held(b);
	if (b->any)
		b->out(b->arg, STR("\r\n"));
}

/* --- a header --------------------------------------------------------------------------------- */

struct fields {
	struct buf text; /* canonical, one behind the other */
	struct {
		size_t at, name; /* where it begins; bytes of its name */
	} field[DKIM_FIELDS_MAX + 1]; /* and where the last one ends */
	size_t n;
};

static struct str field_text(const struct fields *f, size_t i)
{
	return str_bytes(f->text.p + f->field[i].at, f->field[i + 1].at - f->field[i].at);
}

static void put_lower(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_char(b, ascii_lower(s.p[i]));
}

/* 3.4.2: blanks and folds become one blank, and go where the value begins and where it ends. */
static void put_value(struct buf *b, struct str value)
{
	size_t start = b->n;
	bool blank = false;

	for (size_t i = 0; i < value.n; i++) {
		if (is_plain(value.p[i])) {
			if (blank && b->n > start)
				buf_char(b, ' ');
			buf_char(b, value.p[i]);
		}
		blank = !is_plain(value.p[i]);
	}
}

static int take_fields(struct fields *f, struct str header)
{
	struct str value = STR_NONE;
	enum header_piece piece;
	struct header_scan scan;

	header_start(&scan);
	do {
		piece = header_next(&scan, &header);
		if (piece == HEADER_VALUE) {
			value =
			    str_bytes(value.n > 0 ? value.p : scan.piece.p, value.n + scan.piece.n);
			continue;
		}
		if (f->n > 0) {
			put_value(&f->text, value);
			buf_z(&f->text, "\r\n");
			value = STR_NONE;
		}
		f->field[f->n].at = f->text.n;
		if (piece == HEADER_FIELD) {
			if (f->n == DKIM_FIELDS_MAX)
				return -1;
			f->field[f->n++].name = scan.name.n;
			put_lower(&f->text, scan.name);
			buf_char(&f->text, ':');
		}
	} while (piece == HEADER_FIELD || piece == HEADER_VALUE);
	return f->text.full ? -1 : 0;
}

/* --- the text --------------------------------------------------------------------------------- */

/* The beginning of our own field: what it says of its key. */
static void put_key(struct buf *b, const struct dkim_key *key)
{
	buf_printf(b, OWN "v=1; a=%.*s; c=relaxed/relaxed; d=%.*s; s=%.*s; ",
	    STR_ARG(key->algorithm), STR_ARG(key->domain), STR_ARG(key->selector));
}

/* 3.5, "h=": a blank now and then, where the field can be folded. */
static void put_name(struct buf *list, const char *name)
{
	ssize_t blank = str_rfind(buf_view(list), ' ');

	if (list->n > 0)
		buf_char(list, ':');
	if (list->n - (size_t)(blank + 1) + strlen(name) > LINE)
		buf_char(list, ' ');
	put_lower(list, str_of(name));
}

/* All fields of that name, from the last one up (5.4.2), and once more the name: there is no other. */
static void put_fields(struct buf *text, struct buf *list, const struct fields *f, const char *name)
{
	for (size_t i = f->n; i-- > 0;) {
		struct str field = field_text(f, i);

		if (!str_caseeq(str_take(field, f->field[i].name), str_of(name)))
			continue;
		buf_str(text, field);
		put_name(list, name);
	}
	put_name(list, name);
}

int dkim_text(const struct dkim_key *key, struct str header, const char *const *names,
    size_t nnames, const uint8_t body[DKIM_HASH], int64_t at, struct buf *text)
{
	char hash[BASE64_SIZE(DKIM_HASH)];
	struct fields f = { .n = 0 };
	struct buf list;
	int r;

	buf_init(&f.text, DKIM_TEXT_MAX);
	buf_init(&list, DKIM_TEXT_MAX);
	r = take_fields(&f, header);
	for (size_t i = 0; r == 0 && i < nnames; i++)
		put_fields(text, &list, &f, names[i]);
	put_key(text, key);
	base64_encode(str_bytes(body, DKIM_HASH), hash);
	buf_printf(text, "t=%lld; h=%.*s; bh=%.*s; b=", (long long)at, STR_ARG(buf_view(&list)),
	    (int)sizeof hash, hash);
	if (text->full || list.full)
		r = -1;
	buf_clear(&f.text);
	buf_clear(&list);
	return r;
}

/* What stands behind the last line end: our own field. */
static struct str own_field(struct str text)
{
	ssize_t end = str_rfind(text, '\n');

	return str_skip(text, (size_t)(end + 1));
}

bool dkim_is_for(struct str text, const struct dkim_key *key)
{
	struct buf begin;
	bool is;

	buf_init(&begin, DKIM_TEXT_MAX);
	put_key(&begin, key);
	is = !begin.full && str_starts(own_field(text), buf_view(&begin));
	buf_clear(&begin);
	return is;
}

/* --- the field -------------------------------------------------------------------------------- */

/* A word of it, on a line of its own where there is no more room. */
static void put_word(struct buf *out, struct str word)
{
	ssize_t begin = str_rfind(buf_view(out), '\n');

	if (out->n - (size_t)(begin + 1) + 1 + word.n > LINE)
		buf_z(out, "\r\n\t");
	else
		buf_char(out, ' ');
	buf_str(out, word);
}

void dkim_field(struct str text, struct str signature, struct buf *out)
{
	struct str tags = str_skip(own_field(text), sizeof OWN - 1), word;
	struct str rest = signature;

	buf_z(out, "DKIM-Signature:");
	while (str_cut(&tags, ' ', &word))
		put_word(out, word);
	for (; rest.n > 0; rest = str_skip(rest, LINE))
		put_word(out, str_take(rest, LINE));
	buf_z(out, "\r\n");
}
