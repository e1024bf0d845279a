/* Sections of messages (RFC 3501 6.4.5 "BODY[<section>]"). See fetch.h. */
#include <errno.h>
#include <string.h>

#include "fetch.h"
#include "io.h"
#include "mail/mime_imap.h"

/* --- where a section is ---------------------------------------------------------------------- */

struct span {
	uint64_t from, to;
	bool nil; /* there is no such part */
};

static enum store_error part_span(struct content *c, const struct fetch_item *item, struct span *sp)
{
	enum store_error e = content_nodes(c);
	const struct mime_node *node;
	uint32_t i;

	if (e != STORE_OK)
		return e;
	i = item->too_deep ? MIME_NONE : mime_find(c->nodes, item->number, item->depth);
	if (i != MIME_NONE && item->text != SECTION_ALL && item->text != SECTION_MIME)
		i = c->nodes[i].kind == MIME_MESSAGE ? c->nodes[i].child : MIME_NONE;
	*sp = (struct span){ .nil = i == MIME_NONE };
	if (i == MIME_NONE)
		return STORE_OK;
	node = &c->nodes[i];
	if (item->text == SECTION_ALL || item->text == SECTION_TEXT)
		*sp = (struct span){ node->body.wire, node->end.wire, false };
	else
		*sp = (struct span){ node->header.wire, node->body.wire, false };
	return STORE_OK;
}

static enum store_error find_span(struct content *c, const struct fetch_item *item, struct span *sp)
{
	enum store_error e = content_open(c);
	struct str header;

	if (e != STORE_OK)
		return e;
	if (item->depth > 0)
		return part_span(c, item, sp);
	*sp = (struct span){ 0, c->body.size, false };
	if (item->text == SECTION_ALL)
		return STORE_OK;
	e = content_header(c, &header);
	if (item->text == SECTION_TEXT)
		sp->from = header.n;
	else
		sp->to = header.n;
	return e;
}

/* --- the fields of a header ------------------------------------------------------------------ */

static bool listed(const struct fetch_item *item, struct str line)
{
	ssize_t colon = str_find(line, ':');
	struct str name = str_trim(str_take(line, colon == -1 ? 0 : (size_t)colon));

	for (size_t i = 0; i < item->nfields; i++) {
		if (str_caseeq(item->fields[i], name))
			return true;
	}
	return false;
}

/* Copies the wanted fields with their continuation lines, and an empty line. */
static void filter(struct buf *out, const struct fetch_item *item, struct str header)
{
	bool take = false;

	while (header.n > 0) {
		ssize_t nl = str_find(header, '\n');
		struct str line = str_take(header, nl == -1 ? header.n : (size_t)nl + 1);

		header = str_skip(header, line.n);
		if (line.p[0] == '\n' || (line.p[0] == '\r' && line.n <= 2))
			break;
		if (line.p[0] != ' ' && line.p[0] != '\t')
			take = listed(item, line) == (item->text == SECTION_FIELDS);
		if (take)
			buf_str(out, line);
	}
	buf_z(out, "\r\n");
}

/* --- putting --------------------------------------------------------------------------------- */

/* NUL has no form in a literal. */
static void hide_nuls(struct buf *b, size_t from)
{
	char *p = b->p + from;

	while (from < b->n && (p = memchr(p, '\0', b->n - (size_t)(p - b->p))) != NULL)
		*p++ = (char)0x80;
}

void fetch_label(struct content *c, const struct fetch_item *item)
{
	struct buf *b = &c->s->out;

	if (!c->first)
		buf_char(b, ' ');
	c->first = false;
	buf_str(b, item->label);
	buf_char(b, ' ');
}

static void put_literal_head(struct content *c, const struct fetch_item *item, uint64_t n)
{
	fetch_label(c, item);
	buf_char(&c->s->out, '{');
	out_number(&c->s->out, n);
	buf_z(&c->s->out, "}\r\n");
}

/* The part of a section that "<from.count>" wants. */
static void cut_partial(const struct fetch_item *item, uint64_t *from, uint64_t *to)
{
	uint64_t n = *to - *from;

	if (!item->partial)
		return;
	*from += item->from < n ? item->from : n;
	if (*to - *from > item->count)
		*to = *from + item->count;
}

/*
 * The announced bytes must come. If the file has none any more (somebody else has shortened it),
 * only the end of the connection can say so.
 */
static void stream(struct content *c, uint64_t from, uint64_t to)
{
	struct session *s = c->s;

	while (from < to && s->end == END_NONE) {
		uint64_t n = to - from < CONTENT_BLOCK ? to - from : CONTENT_BLOCK;
		size_t before = s->out.n;
		enum store_error e =
		    store_body_read(&c->body, (uint32_t)from, (uint32_t)n, &s->out);

		if (e != STORE_OK || s->out.n == before) {
			log_error(&s->log, EV("message-unreadable"), KERRNO,
			    KI("uid", s->view->msgs[c->idx].uid));
			s->end = END_CLOSED;
			return;
		}
		hide_nuls(&s->out, before);
		from += s->out.n - before;
		io_commit(s);
	}
}

static enum store_error read_all(struct content *c, const struct span *sp, struct buf *out)
{
	enum store_error e = STORE_OK;
	uint64_t at = sp->from;
	struct str piece;

	while (e == STORE_OK && at < sp->to && out->n < CONTENT_HEADER_MAX) {
		e = content_read(c, at, sp->to - at, &piece);
		if (piece.n == 0)
			break;
		buf_str(out, piece);
		at += piece.n;
	}
	return e;
}

static enum store_error put_fields(
    struct content *c, const struct fetch_item *item, const struct span *sp)
{
	struct buf header, wanted;
	struct str view = STR_NONE;
	uint64_t from = 0, to;
	enum store_error e = STORE_OK;

	buf_init(&header, (size_t)CONTENT_HEADER_MAX + CONTENT_BLOCK);
	buf_init(&wanted, (size_t)CONTENT_HEADER_MAX + CONTENT_BLOCK + 2);
	if (item->depth == 0) {
		e = content_header(c, &view);
	} else {
		e = read_all(c, sp, &header);
		view = buf_view(&header);
	}
	if (e == STORE_OK) {
		size_t before;

		filter(&wanted, item, view);
		to = wanted.n;
		cut_partial(item, &from, &to);
		put_literal_head(c, item, to - from);
		before = c->s->out.n;
		buf_put(&c->s->out, wanted.p + from, (size_t)(to - from));
		hide_nuls(&c->s->out, before);
	}
	buf_clear(&header);
	buf_clear(&wanted);
	return e;
}

enum store_error fetch_section(struct content *c, const struct fetch_item *item)
{
	struct span sp;
	enum store_error e = find_span(c, item, &sp);

	if (e != STORE_OK)
		return e;
	if (sp.nil) {
		fetch_label(c, item);
		buf_z(&c->s->out, "NIL");
		return STORE_OK;
	}
	if (item->text == SECTION_FIELDS || item->text == SECTION_FIELDS_NOT)
		return put_fields(c, item, &sp);
	cut_partial(item, &sp.from, &sp.to);
	put_literal_head(c, item, sp.to - sp.from);
	stream(c, sp.from, sp.to);
	return STORE_OK;
}
