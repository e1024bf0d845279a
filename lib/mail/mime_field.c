/* Structured header fields as strangers write them. See mime_field.h. */
#include "mail/mime_field.h"

#include <stdlib.h>
#include <string.h>

/* --- tokens (RFC 5322 3.2) ------------------------------------------------------------------- */

struct cursor {
	const char *p, *end;
};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool at_end(const struct cursor *c)
{
	return c->p == c->end;
}

static bool at(const struct cursor *c, char ch)
{
	return c->p < c->end && *c->p == ch;
}

/* Skips a comment at the cursor; its text without the outer brackets goes to *text. */
static void skip_comment(struct cursor *c, struct str *text)
{
	const char *start = ++c->p;
	size_t depth = 1;

	while (c->p < c->end && depth > 0) {
		if (*c->p == '\\' && c->p + 1 < c->end)
			c->p++;
		else if (*c->p == '(')
			depth++;
		else if (*c->p == ')')
			depth--;
		c->p++;
	}
	*text = (struct str){ start, (size_t)(c->p - start) - (depth == 0) };
}

/* Skips blanks and comments; *comment (may be NULL) is the last comment that was there. */
static void skip_cfws(struct cursor *c, struct str *comment)
{
	struct str text;

	while (c->p < c->end && (blank(*c->p) || *c->p == '(')) {
		if (*c->p != '(') {
			c->p++;
			continue;
		}
		skip_comment(c, &text);
		if (comment != NULL)
			*comment = text;
	}
}

/* Takes backslashes away. In a. */
static struct str unescape(struct arena *a, struct str s)
{
	char *to;
	size_t n = 0;

	if (str_find(s, '\\') == -1)
		return arena_str(a, s);
	to = arena_alloc(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		to[n++] = s.p[i];
	}
	return (struct str){ to, n };
}

/* A quoted string at the cursor; one that never ends goes to the end of the field. In a. */
static struct str take_quoted(struct cursor *c, struct arena *a)
{
	const char *start = ++c->p;
	size_t n;

	while (c->p < c->end && *c->p != '"') {
		if (*c->p == '\\' && c->p + 1 < c->end)
			c->p++;
		c->p++;
	}
	n = (size_t)(c->p - start);
	if (c->p < c->end)
		c->p++;
	return unescape(a, (struct str){ start, n });
}

/* A run of characters up to a blank or one of stops. Borrowed; may be empty. */
static struct str take_until(struct cursor *c, const char *stops)
{
	const char *start = c->p;

	while (c->p < c->end && !blank(*c->p) && (*c->p == '\0' || strchr(stops, *c->p) == NULL))
		c->p++;
	return (struct str){ start, (size_t)(c->p - start) };
}

/* --- parameters ------------------------------------------------------------------------------ */

/* One parameter as it stands, before RFC 2231. */
struct piece {
	struct str base; /* name without "*0*" */
	struct str value;
	unsigned index;
	bool numbered, encoded;
	unsigned order; /* place in the field */
};

static struct str lower(struct arena *a, struct str s)
{
	char *z = arena_z(a, s);

	for (size_t i = 0; i < s.n; i++)
		z[i] = ascii_lower(z[i]);
	return (struct str){ z, s.n };
}

/* Splits "name*3*". A number with leading zeros or beyond MIME_PARAMS makes it an ordinary name. */
static void piece_name(struct piece *p, struct str name)
{
	struct str rest = name, digits;
	ssize_t star;
	uint64_t index;

	p->base = name;
	if (str_ends(rest, STR("*"))) {
		rest.n--;
		p->encoded = true;
		p->base = rest;
	}
	star = str_rfind(rest, '*');
	if (star <= 0)
		return;
	digits = str_skip(rest, (size_t)star + 1);
	if (str_u64(digits, MIME_PARAMS - 1, &index) == -1 ||
	    (digits.n > 1 && digits.p[0] == '0')) {
		p->base = name;
		p->encoded = false;
		return;
	}
	p->base = str_take(rest, (size_t)star);
	p->index = (unsigned)index;
	p->numbered = true;
}

static struct str take_value(struct cursor *c, struct arena *a)
{
	const char *start;
	size_t n;

	if (at(c, '"'))
		return take_quoted(c, a);
	/* What is not quoted should be one token; a file name with blanks is taken whole. */
	start = c->p;
	while (c->p < c->end && *c->p != ';' && !(*c->p == '(' && c->p > start && blank(c->p[-1])))
		c->p++;
	n = (size_t)(c->p - start);
	return arena_str(a, str_trim((struct str){ start, n }));
}

static unsigned take_pieces(struct cursor *c, struct arena *a, struct piece *pieces, unsigned max)
{
	unsigned n = 0;
	struct str name;

	while (!at_end(c) && n < max) {
		skip_cfws(c, NULL);
		if (at(c, ';')) {
			c->p++;
			continue;
		}
		name = take_until(c, "=;(");
		skip_cfws(c, NULL);
		if (name.n > 0 && at(c, '=')) {
			c->p++;
			skip_cfws(c, NULL);
			pieces[n] = (struct piece){ .order = n };
			piece_name(&pieces[n], lower(a, name));
			pieces[n++].value = take_value(c, a);
		}
		while (!at_end(c) && *c->p != ';')
			c->p++;
	}
	return n;
}

/* Pieces of one parameter stand together, in the order of their numbers. */
static int piece_order(const void *va, const void *vb)
{
	const struct piece *a = va, *b = vb;
	int d = str_cmp(a->base, b->base);

	if (d == 0)
		d = a->numbered - b->numbered;
	if (d == 0)
		d = (int)a->index - (int)b->index;
	return d != 0 ? d : (int)a->order - (int)b->order;
}

static void put_encoded(struct buf *b, struct str s)
{
	static const char plain[] = "!#$&+-.^_`|~";

	for (size_t i = 0; i < s.n; i++) {
		if (ascii_alpha(s.p[i]) || ascii_digit(s.p[i]) ||
		    (s.p[i] != '\0' && strchr(plain, s.p[i]) != NULL))
			buf_char(b, s.p[i]);
		else
			buf_printf(b, "%%%02X", (unsigned char)s.p[i]);
	}
}

/* Joins the run of pieces 0, 1, 2 ... that starts at pieces[0] and returns how many those were. */
static unsigned join(
    struct arena *a, const struct piece *pieces, unsigned n, struct mime_param *out)
{
	struct buf b;
	bool encoded = pieces[0].encoded;
	unsigned run = 1;

	while (run < n && pieces[run].numbered && pieces[run].index == run &&
	       str_eq(pieces[run].base, pieces[0].base))
		encoded |= pieces[run++].encoded;
	buf_init(&b, (size_t)4 * MIME_FIELD_BYTES);
	if (encoded && !pieces[0].encoded)
		buf_z(&b, "''"); /* no charset, no language */
	for (unsigned i = 0; i < run; i++) {
		if (encoded && !pieces[i].encoded)
			put_encoded(&b, pieces[i].value);
		else
			buf_str(&b, pieces[i].value);
	}
	out->name = arena_printf(a, "%.*s%s", STR_ARG(pieces[0].base), encoded ? "*" : "");
	out->value = arena_str(a, buf_view(&b));
	buf_clear(&b);
	return run;
}

struct placed {
	struct mime_param param;
	unsigned order;
};

static int placed_order(const void *a, const void *b)
{
	return (int)((const struct placed *)a)->order - (int)((const struct placed *)b)->order;
}

/* RFC 2231: continuations become one parameter; a server does that, decoding is the client's. */
static void join_pieces(struct mime_value *v, struct arena *a, struct piece *pieces, unsigned n)
{
	struct placed out[MIME_PARAMS];
	unsigned i = 0, k = 0;

	qsort(pieces, n, sizeof *pieces, piece_order);
	while (i < n) {
		struct placed *to = &out[k];

		to->order = pieces[i].order;
		if (pieces[i].numbered && pieces[i].index == 0) {
			i += join(a, &pieces[i], n - i, &to->param);
			k++;
			continue;
		}
		/* A piece behind a gap belongs to nothing. */
		if (!pieces[i].numbered) {
			to->param.name = arena_printf(
			    a, "%.*s%s", STR_ARG(pieces[i].base), pieces[i].encoded ? "*" : "");
			to->param.value = pieces[i].value;
			k++;
		}
		i++;
	}
	qsort(out, k, sizeof *out, placed_order);
	for (i = 0; i < k; i++)
		v->params[i] = out[i].param;
	v->nparams = k;
}

void mime_value_parse(struct mime_value *v, struct arena *a, struct str field, bool slash)
{
	struct cursor c = { field.p, field.p + field.n };
	struct piece pieces[MIME_PARAMS];
	unsigned n;

	v->subtype = STR_NONE;
	v->nparams = 0;
	skip_cfws(&c, NULL);
	v->type = arena_str(a, take_until(&c, slash ? "/;(\"" : ";(\""));
	skip_cfws(&c, NULL);
	if (slash && at(&c, '/')) {
		c.p++;
		skip_cfws(&c, NULL);
		v->subtype = arena_str(a, take_until(&c, ";(\"/"));
	}
	if (slash && (v->subtype.n == 0 || v->type.n == 0))
		v->type = v->subtype = STR_NONE;
	while (!at_end(&c) && *c.p != ';')
		c.p++;
	n = take_pieces(&c, a, pieces, MIME_PARAMS);
	join_pieces(v, a, pieces, n);
}

struct str mime_value_param(const struct mime_value *v, struct str name)
{
	for (unsigned i = 0; i < v->nparams; i++) {
		if (str_caseeq(v->params[i].name, name))
			return v->params[i].value;
	}
	return (struct str){ NULL, 0 };
}

struct str mime_word(struct arena *a, struct str field)
{
	struct cursor c = { field.p, field.p + field.n };

	skip_cfws(&c, NULL);
	if (at(&c, '"'))
		return take_quoted(&c, a);
	return arena_str(a, take_until(&c, ";("));
}

/* --- addresses ------------------------------------------------------------------------------- */

/*
 * Words up to one of the specials that end a phrase or a local part. Blanks between words become
 * one; dots are kept with what surrounds them (obs-phrase, "J. Doe").
 */
static struct str take_phrase(struct cursor *c, struct arena *a, struct str *comment, bool *any)
{
	struct buf b;
	struct str word;
	bool space = false;
	const char *before;

	*any = false;
	buf_init(&b, MIME_FIELD_BYTES);
	for (;;) {
		before = c->p;
		skip_cfws(c, comment);
		space |= c->p != before;
		if (at_end(c) || memchr(",:;<>@", *c->p, 6) != NULL)
			break;
		word = *c->p == '"' ? take_quoted(c, a) : take_until(c, ",:;<>@(\"");
		if (space && *any)
			buf_char(&b, ' ');
		buf_str(&b, word);
		space = false;
		*any = true;
	}
	word = arena_str(a, buf_view(&b));
	buf_clear(&b);
	return word;
}

/* domain or [literal] behind an '@', without blanks and comments. In a. */
static struct str take_domain(struct cursor *c, struct arena *a, struct str *comment)
{
	struct buf b;
	struct str word;

	buf_init(&b, MIME_FIELD_BYTES);
	for (;;) {
		skip_cfws(c, comment);
		if (at(c, '[')) {
			const char *start = c->p;

			while (c->p < c->end && *c->p != ']')
				c->p++;
			if (c->p < c->end)
				c->p++;
			buf_put(&b, start, (size_t)(c->p - start));
			continue;
		}
		word = take_until(c, ",:;<>@([\"");
		if (word.n == 0)
			break;
		buf_str(&b, word);
	}
	word = arena_str(a, buf_view(&b));
	buf_clear(&b);
	return word;
}

/* "@a,@b:" in front of the address inside <>. */
static struct str take_route(struct cursor *c, struct arena *a)
{
	const char *start = c->p;

	while (c->p < c->end && *c->p != ':' && *c->p != '>')
		c->p++;
	if (!at(c, ':')) {
		c->p = start;
		return (struct str){ NULL, 0 };
	}
	c->p++;
	return arena_str(a, (struct str){ start, (size_t)(c->p - 1 - start) });
}

/* An address without domain must not look like a group, whose host is NIL. */
static void complete(struct mime_address *out)
{
	if (out->mailbox.n == 0)
		out->mailbox = STR("MISSING_MAILBOX");
	if (out->host.n == 0)
		out->host = STR("MISSING_DOMAIN");
}

/* Behind the '<'. */
static void take_angle(struct cursor *c, struct arena *a, struct mime_address *out)
{
	bool any;

	skip_cfws(c, NULL);
	if (at(c, '@'))
		out->route = take_route(c, a);
	out->mailbox = take_phrase(c, a, NULL, &any);
	out->host = STR_NONE;
	if (at(c, '@')) {
		c->p++;
		out->host = take_domain(c, a, NULL);
	}
	while (!at_end(c) && *c->p != '>' && *c->p != ',')
		c->p++;
	if (at(c, '>'))
		c->p++;
}

/* Anything between an address and the next comma is skipped, but for its comment. */
static void skip_to_separator(struct cursor *c, struct str *comment, bool group)
{
	for (;;) {
		skip_cfws(c, comment);
		if (at_end(c) || *c->p == ',' || (group && *c->p == ';'))
			return;
		c->p++;
	}
}

void mime_address_start(struct mime_address_cursor *c, struct str field)
{
	*c = (struct mime_address_cursor){ .p = field.p, .end = field.p + field.n };
}

static const struct mime_address nothing = {
	.name = { NULL, 0 }, .route = { NULL, 0 }, .mailbox = { NULL, 0 }, .host = { NULL, 0 }
};

/* Skips separators; true when a group ended there (or with the field). */
static bool group_ended(struct cursor *c, bool group)
{
	for (;;) {
		skip_cfws(c, NULL);
		if (at_end(c))
			return group;
		if (*c->p == ';' && group) {
			c->p++;
			return true;
		}
		if (*c->p != ',' && *c->p != ';' && *c->p != '>')
			return false;
		c->p++;
	}
}

static bool take_address(struct cursor *c, struct arena *a, bool *group, struct mime_address *out)
{
	struct str comment = { NULL, 0 };
	struct str phrase;
	bool any;

	phrase = take_phrase(c, a, &comment, &any);
	if (at(c, ':') && !*group) {
		c->p++;
		*group = true;
		out->mailbox = phrase;
		return true;
	}
	if (at(c, '<')) {
		c->p++;
		if (any)
			out->name = phrase;
		take_angle(c, a, out);
	} else {
		/* words alone are a name, one word alone may be a local user */
		if (!at(c, '@') && str_find(phrase, ' ') != -1)
			out->name = phrase;
		else
			out->mailbox = phrase;
		out->host = STR_NONE;
		if (at(c, '@')) {
			c->p++;
			out->host = take_domain(c, a, &comment);
		}
	}
	skip_to_separator(c, &comment, *group);
	if (out->name.p == NULL && comment.p != NULL && comment.n > 0)
		out->name = unescape(a, str_trim(comment));
	complete(out);
	return true;
}

bool mime_address_next(struct mime_address_cursor *mc, struct arena *a, struct mime_address *out)
{
	struct cursor c = { mc->p, mc->end };
	bool more = true;

	*out = nothing;
	if (group_ended(&c, mc->group))
		mc->group = false;
	else if (mc->count >= MIME_ADDRESSES && mc->group)
		mc->group = false; /* every group has an end */
	else if (at_end(&c) || mc->count >= MIME_ADDRESSES)
		more = false;
	else
		more = take_address(&c, a, &mc->group, out);
	mc->count += more;
	mc->p = c.p;
	return more;
}
