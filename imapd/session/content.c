/*
 * One message while it is being fetched or searched. See content.h.
 *
 * The cached structure is: u32 version, u32 nodes, u32 length of BODY, u32 length of BODYSTRUCTURE,
 * the nodes, the two texts; host byte order, as the whole index. It came out of this program, but
 * other software of the account's owner could have written it: lengths are checked.
 */
#include "content.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "mail/mime_imap.h"

enum { STRUCTURE_VERSION = 1, ENVELOPE_VERSION = 'a', STRUCTURE_MAX = 64 * 1024 * 1024 };

struct structure_head {
	uint32_t version, nodes, body, ext;
};

void content_init(struct content *c, struct session *s)
{
	*c = (struct content){ .s = s };
	buf_init(&c->envelope, STRUCTURE_MAX);
	buf_init(&c->structure, STRUCTURE_MAX);
	buf_init(&c->header, CONTENT_HEADER_MAX);
	buf_init(&c->block, CONTENT_BLOCK);
}

void content_seek(struct content *c, uint32_t idx)
{
	if (c->open)
		store_body_close(&c->body);
	c->open = false;
	c->idx = idx;
	c->nnodes = 0;
	c->have_header = false;
	buf_reset(&c->envelope);
	buf_reset(&c->structure);
	buf_reset(&c->header);
}

void content_clear(struct content *c)
{
	content_seek(c, 0);
	buf_clear(&c->envelope);
	buf_clear(&c->structure);
	buf_clear(&c->header);
	buf_clear(&c->block);
	free(c->nodes);
	*c = (struct content){ 0 };
}

enum store_error content_open(struct content *c)
{
	enum store_error e = STORE_OK;

	if (!c->open)
		e = store_body_open(c->s->view, c->idx, &c->body);
	c->open = e == STORE_OK;
	return e;
}

enum store_error content_read(struct content *c, uint64_t from, uint64_t n, struct str *out)
{
	enum store_error e = content_open(c);

	*out = STR_NONE;
	if (e != STORE_OK || from >= c->body.size)
		return e;
	if (n > CONTENT_BLOCK)
		n = CONTENT_BLOCK;
	buf_reset(&c->block);
	e = store_body_read(&c->body, (uint32_t)from, (uint32_t)n, &c->block);
	*out = buf_view(&c->block);
	return e;
}

/* --- parsing --------------------------------------------------------------------------------- */

static void put_structure(struct buf *b, const struct mime *m)
{
	struct structure_head head = { .version = STRUCTURE_VERSION, .nodes = m->n };
	size_t at;

	buf_put(b, &head, sizeof head);
	buf_put(b, m->nodes, m->n * sizeof *m->nodes);
	at = b->n;
	imap_put_body(b, m, false);
	head.body = (uint32_t)(b->n - at);
	at = b->n;
	imap_put_body(b, m, true);
	head.ext = (uint32_t)(b->n - at);
	memcpy(b->p, &head, sizeof head);
}

static void put_envelope(struct buf *b, const struct mime *m)
{
	buf_char(b, ENVELOPE_VERSION);
	imap_put_envelope(b, m, 0);
}

static void remember(struct content *c, enum store_item item, const struct buf *b)
{
	if (b->n <= STORE_CACHE_MAX)
		store_item_put(c->s->view, c->idx, item, buf_view(b));
}

/* Parses the message, or only its header if that is enough and the rest is long. */
static enum store_error parse(struct content *c, bool header_is_enough)
{
	struct mime m;
	struct str piece;
	enum store_error e = content_open(c);
	bool whole;

	if (e != STORE_OK)
		return e;
	whole = !header_is_enough || c->body.size <= CONTENT_BLOCK;
	/* The wire form has CRLF, or is to be counted as it stands. */
	mime_init(&m, true);
	for (uint64_t at = 0; whole || m.in_header; at += piece.n) {
		e = content_read(c, at, CONTENT_BLOCK, &piece);
		if (e != STORE_OK || piece.n == 0)
			break;
		mime_feed(&m, piece);
	}
	mime_end(&m);
	if (e == STORE_OK) {
		buf_reset(&c->envelope);
		put_envelope(&c->envelope, &m);
		remember(c, STORE_ITEM_ENVELOPE, &c->envelope);
	}
	if (e == STORE_OK && whole) {
		buf_reset(&c->structure);
		put_structure(&c->structure, &m);
		remember(c, STORE_ITEM_STRUCTURE, &c->structure);
	}
	mime_clear(&m);
	return e;
}

/* --- cached items ---------------------------------------------------------------------------- */

enum store_error content_envelope(struct content *c, struct str *out)
{
	enum store_error e;

	if (c->envelope.n == 0) {
		if (store_item_get(c->s->view, c->idx, STORE_ITEM_ENVELOPE, out) && out->n > 1 &&
		    out->p[0] == ENVELOPE_VERSION) {
			*out = str_skip(*out, 1);
			return STORE_OK;
		}
		e = parse(c, true);
		if (e != STORE_OK)
			return e;
	}
	*out = str_skip(buf_view(&c->envelope), 1);
	return STORE_OK;
}

/* Checks the lengths and cuts the item up. */
static bool structure_split(struct str item, struct structure_head *head, struct str *nodes,
    struct str *body, struct str *ext)
{
	uint64_t bytes;

	if (item.n < sizeof *head)
		return false;
	memcpy(head, item.p, sizeof *head);
	item = str_skip(item, sizeof *head);
	bytes = (uint64_t)head->nodes * sizeof(struct mime_node);
	if (head->version != STRUCTURE_VERSION || head->nodes == 0 ||
	    head->nodes > 2 * MIME_PARTS || bytes + head->body + head->ext != item.n)
		return false;
	*nodes = str_take(item, (size_t)bytes);
	*body = str_take(str_skip(item, (size_t)bytes), head->body);
	*ext = str_skip(item, (size_t)bytes + head->body);
	return true;
}

static enum store_error get_structure(struct content *c, struct structure_head *head,
    struct str *nodes, struct str *body, struct str *ext)
{
	struct str item;
	enum store_error e;

	if (c->structure.n == 0) {
		if (store_item_get(c->s->view, c->idx, STORE_ITEM_STRUCTURE, &item) &&
		    structure_split(item, head, nodes, body, ext))
			return STORE_OK;
		e = parse(c, false);
		if (e != STORE_OK)
			return e;
	}
	return structure_split(buf_view(&c->structure), head, nodes, body, ext) ? STORE_OK
										: STORE_IO;
}

enum store_error content_structure(struct content *c, bool ext, struct str *out)
{
	struct structure_head head;
	struct str nodes, texts[2];
	enum store_error e = get_structure(c, &head, &nodes, &texts[0], &texts[1]);

	if (e == STORE_OK)
		*out = texts[ext];
	return e;
}

/* Indexes must stay inside, and lead forward where loops follow them. */
static bool nodes_good(const struct mime_node *nodes, uint32_t n, uint64_t size)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct mime_node *p = &nodes[i];

		if ((i == 0) != (p->parent == MIME_NONE) || (i > 0 && p->parent >= i) ||
		    (p->child != MIME_NONE && (p->child <= i || p->child >= n)) ||
		    (p->next != MIME_NONE && (p->next <= i || p->next >= n)) ||
		    ((p->kind == MIME_MESSAGE || p->kind == MIME_MULTIPART) &&
			p->child == MIME_NONE) ||
		    p->header.wire > p->body.wire || p->body.wire > p->end.wire ||
		    p->end.wire > size)
			return false;
	}
	return true;
}

enum store_error content_nodes(struct content *c)
{
	struct structure_head head;
	struct str nodes, body, ext;
	enum store_error e;

	if (c->nnodes > 0)
		return STORE_OK;
	for (int attempt = 0; attempt < 2; attempt++) {
		e = get_structure(c, &head, &nodes, &body, &ext);
		if (e != STORE_OK)
			return e;
		if (head.nodes > c->nodes_cap) {
			c->nodes = xreallocarray(c->nodes, head.nodes, sizeof *c->nodes);
			c->nodes_cap = head.nodes;
		}
		memcpy(c->nodes, nodes.p, nodes.n);
		if (nodes_good(c->nodes, head.nodes, c->s->view->msgs[c->idx].size)) {
			c->nnodes = head.nodes;
			return STORE_OK;
		}
		/* what was cached is not true: look at the message itself */
		e = parse(c, false);
		if (e != STORE_OK)
			return e;
	}
	return STORE_UNREADABLE;
}

/* --- header ---------------------------------------------------------------------------------- */

/* Where the header ends in what has been read, or -1. Line ends may be LF in a raw message. */
static ssize_t header_end(struct str s, size_t from)
{
	while (from < s.n) {
		const char *nl = memchr(s.p + from, '\n', s.n - from);
		size_t at;

		if (nl == NULL)
			return -1;
		at = (size_t)(nl - s.p);
		if (at == 0 || (at == 1 && s.p[0] == '\r') || s.p[at - 1] == '\n' ||
		    (s.p[at - 1] == '\r' && s.p[at - 2] == '\n'))
			return (ssize_t)at + 1;
		from = at + 1;
	}
	return -1;
}

enum { HEADER_STEP = 8 * 1024 };

enum store_error content_header(struct content *c, struct str *out)
{
	enum store_error e = content_open(c);
	ssize_t end = -1;
	size_t seen = 0;

	while (e == STORE_OK && !c->have_header) {
		size_t before = c->header.n;
		size_t step = before < HEADER_STEP ? HEADER_STEP : before;

		if (step > c->header.max - before)
			step = c->header.max - before;
		if (step > 0)
			e = store_body_read(&c->body, (uint32_t)before, (uint32_t)step, &c->header);
		if (e != STORE_OK)
			break;
		end = header_end(buf_view(&c->header), seen < 2 ? 0 : seen - 2);
		seen = c->header.n;
		if (end != -1)
			c->header.n = (size_t)end;
		c->have_header = end != -1 || c->header.n == before;
	}
	*out = buf_view(&c->header);
	return e;
}
