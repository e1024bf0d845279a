/*
 * The structure of a message. See mime.h.
 *
 * The parser sees lines. A line is looked at in one piece only as far as it may matter: a header
 * line up to MIME_FIELD_BYTES, a body line up to the longest delimiter. The stack holds the open
 * multiparts and messages; a delimiter of any of them ends everything above it.
 */
#include "mail/mime.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "mail/mime_field.h"

enum { DELIMITER_MAX = MIME_BOUNDARY + 80 /* "--" in front, "--" and blanks behind */ };

static const char *const envelope_names[FIELD_ENVELOPE] = {
	[FIELD_DATE] = "date",
	[FIELD_SUBJECT] = "subject",
	[FIELD_FROM] = "from",
	[FIELD_SENDER] = "sender",
	[FIELD_REPLY_TO] = "reply-to",
	[FIELD_TO] = "to",
	[FIELD_CC] = "cc",
	[FIELD_BCC] = "bcc",
	[FIELD_IN_REPLY_TO] = "in-reply-to",
	[FIELD_MESSAGE_ID] = "message-id",
};

static const char *const content_names[FIELD_CONTENT] = {
	[FIELD_TYPE] = "content-type",
	[FIELD_ENCODING] = "content-transfer-encoding",
	[FIELD_ID] = "content-id",
	[FIELD_DESCRIPTION] = "content-description",
	[FIELD_MD5] = "content-md5",
	[FIELD_DISPOSITION] = "content-disposition",
	[FIELD_LANGUAGE] = "content-language",
	[FIELD_LOCATION] = "content-location",
};

/* --- parts ----------------------------------------------------------------------------------- */

static void part_begin(struct mime *m, uint32_t parent, bool message)
{
	uint32_t i = m->n;
	struct mime_node *node;

	if (m->n == m->cap) {
		m->cap = m->cap == 0 ? 4 : m->cap * 2;
		m->nodes = xreallocarray(m->nodes, m->cap, sizeof *m->nodes);
		m->texts = xreallocarray(m->texts, m->cap, sizeof *m->texts);
	}
	m->n++;
	node = &m->nodes[i];
	*node = (struct mime_node){ .parent = parent,
		.child = MIME_NONE,
		.next = MIME_NONE,
		.kind = MIME_OTHER,
		.header = m->here,
		.body = m->here,
		.end = m->here };
	m->texts[i] = (struct mime_text){ 0 };
	if (message)
		m->texts[i].envelope = arena_array(&m->arena, FIELD_ENVELOPE, sizeof(struct str));
	m->current = i;
	m->in_header = true;
	buf_reset(&m->field);
}

/* Makes the part that was begun last a child of the open container at the top of the stack. */
static void part_link(struct mime *m, uint32_t *last_child)
{
	uint32_t i = m->n - 1;

	if (*last_child == MIME_NONE)
		m->nodes[m->nodes[i].parent].child = i;
	else
		m->nodes[*last_child].next = i;
	*last_child = i;
}

static void part_end(struct mime *m, uint32_t i, struct mime_pos end)
{
	struct mime_node *node = &m->nodes[i];

	node->end = end.at < node->body.at ? node->body : end;
}

/* --- header ---------------------------------------------------------------------------------- */

static int name_index(const char *const *names, int n, struct str name)
{
	for (int i = 0; i < n; i++) {
		if (str_caseeq(str_of(names[i]), name))
			return i;
	}
	return -1;
}

static void keep(struct mime *m, struct str *to, struct str value, bool list)
{
	if (arena_used(&m->arena) > MIME_KEPT_BYTES)
		return;
	if (to->p == NULL)
		*to = arena_str(&m->arena, value);
	else if (list && to->n + value.n <= MIME_FIELD_BYTES)
		*to = arena_printf(&m->arena, "%.*s, %.*s", STR_ARG(*to), STR_ARG(value));
}

/* The field in m->field is complete. */
static void field_end(struct mime *m)
{
	struct str f = buf_view(&m->field);
	struct mime_text *text = &m->texts[m->current];
	ssize_t colon = str_find(f, ':');
	struct str name, value;
	int i;

	if (colon > 0) {
		name = str_trim(str_take(f, (size_t)colon));
		value = str_trim(str_skip(f, (size_t)colon + 1));
		i = name_index(content_names, FIELD_CONTENT, name);
		if (i != -1)
			keep(m, &text->content[i], value, false);
		i = text->envelope == NULL ? -1 : name_index(envelope_names, FIELD_ENVELOPE, name);
		if (i != -1)
			keep(m, &text->envelope[i], value, i >= FIELD_FROM && i <= FIELD_BCC);
	}
	buf_reset(&m->field);
}

static void container_open(struct mime *m, struct str boundary)
{
	m->stack[m->depth++] = (struct mime_open){ m->current, boundary, MIME_NONE };
}

/* Under a multipart/digest a part without Content-Type is a message (RFC 2046 5.1.5). */
static bool default_is_message(const struct mime *m, uint32_t i)
{
	uint32_t parent = m->nodes[i].parent;

	return parent != MIME_NONE && m->texts[parent].digest;
}

/* The header of the current part ends; its body starts at m->here. */
static void header_end(struct mime *m)
{
	struct mime_node *node = &m->nodes[m->current];
	struct mime_text *text = &m->texts[m->current];
	struct mime_value v;
	struct arena a;
	struct str boundary;

	field_end(m);
	m->in_header = false;
	node->body = m->here;
	arena_init(&a);
	if (text->content[FIELD_TYPE].p != NULL)
		mime_value_parse(&v, &a, text->content[FIELD_TYPE], true);
	else if (default_is_message(m, m->current))
		v = (struct mime_value){ .type = STR("message"), .subtype = STR("rfc822") };
	else
		v = (struct mime_value){ .type = STR("text"), .subtype = STR("plain") };

	if (str_caseeq(v.type, STR("multipart"))) {
		boundary = mime_value_param(&v, STR("boundary"));
		node->kind = MIME_OPAQUE;
		if (boundary.n > 0 && boundary.n <= MIME_BOUNDARY && m->depth < MIME_DEPTH) {
			node->kind = MIME_MULTIPART;
			text->digest = str_caseeq(v.subtype, STR("digest"));
			container_open(m, arena_str(&m->arena, boundary));
		}
	} else if (str_caseeq(v.type, STR("message")) && str_caseeq(v.subtype, STR("rfc822"))) {
		node->kind = MIME_OPAQUE;
		if (m->depth < MIME_DEPTH && m->n < MIME_PARTS) {
			node->kind = MIME_MESSAGE;
			container_open(m, STR_NONE);
			part_begin(m, m->current, true);
			part_link(m, &m->stack[m->depth - 1].last_child);
		}
	} else if (v.type.n == 0 || str_caseeq(v.type, STR("text"))) {
		node->kind = MIME_TEXT;
	}
	arena_clear(&a);
}

/* --- delimiters ------------------------------------------------------------------------------ */

/*
 * Which open multipart the line delimits (index of the stack), or -1. Of several boundaries that
 * the line starts with the longest is meant, of equal ones the innermost.
 */
static int delimiter_find(const struct mime *m, struct str line, bool *closing)
{
	int found = -1;
	size_t best = 0;

	line = str_skip(line, 2);
	for (int i = (int)m->depth - 1; i >= 0; i--) {
		struct str b = m->stack[i].boundary;

		if (b.n > best && str_starts(line, b)) {
			found = i;
			best = b.n;
		}
	}
	*closing = found != -1 && str_starts(str_skip(line, best), STR("--"));
	return found;
}

/* Returns whether the line was a delimiter. m->here is its start. */
static bool delimiter_line(struct mime *m, struct str line)
{
	bool closing;
	int level;

	if (m->depth == 0 || !str_starts(line, STR("--")))
		return false;
	level = delimiter_find(m, line, &closing);
	if (level == -1 || (!closing && m->n >= MIME_PARTS))
		return false;
	/* Each header_end() may begin a message, whose header ends here as well. */
	while (m->in_header)
		header_end(m);
	if (m->current != m->stack[level].part)
		part_end(m, m->current, m->before);
	while (m->depth > (unsigned)level + 1)
		part_end(m, m->stack[--m->depth].part, m->before);
	m->current = m->stack[level].part;
	if (closing)
		m->stack[level].boundary = STR_NONE;
	return true;
}

/* --- lines ----------------------------------------------------------------------------------- */

static void header_line(struct mime *m, struct str line)
{
	if ((line.p[0] == ' ' || line.p[0] == '\t') && m->field.n > 0) {
		buf_str(&m->field, str_take(line, m->field.max - m->field.n));
		return;
	}
	field_end(m);
	buf_str(&m->field, str_take(line, m->field.max));
}

/* One line: its first bytes without the line end, its whole length, its line end in bytes (0-2). */
static void take_line(struct mime *m, struct str head, uint64_t bytes, unsigned eol)
{
	struct mime_pos after = { .at = m->here.at + bytes + eol,
		.wire = m->here.wire + bytes + (m->raw || eol == 0 ? eol : 2),
		.lines = m->here.lines + (eol > 0) };
	struct mime_pos text_end = {
		.at = m->here.at + bytes, .wire = m->here.wire + bytes, .lines = m->here.lines
	};
	uint32_t multipart;
	bool blank;

	if (delimiter_line(m, head)) {
		multipart = m->current;
		m->here = after;
		if (m->stack[m->depth - 1].boundary.n > 0) {
			part_begin(m, multipart, false);
			part_link(m, &m->stack[m->depth - 1].last_child);
		}
	} else if (m->in_header) {
		blank = bytes == 0;
		if (!blank)
			header_line(m, head);
		m->here = after;
		if (blank)
			header_end(m);
	}
	m->here = after;
	m->before = text_end;
}

static size_t line_limit(const struct mime *m)
{
	return m->in_header ? MIME_FIELD_BYTES : DELIMITER_MAX;
}

/* Keeps the first bytes of a line that goes on in the next piece. */
static void line_begin(struct mime *m, struct str piece)
{
	size_t limit = line_limit(m);

	if (piece.n == 0)
		return;
	if (m->line.n < limit)
		buf_str(&m->line, str_take(piece, limit - m->line.n));
	m->line_bytes += piece.n;
	m->line_last = piece.p[piece.n - 1];
}

static void line_complete(struct mime *m, struct str piece, bool newline)
{
	uint64_t bytes;
	bool cr;

	line_begin(m, piece);
	bytes = m->line_bytes;
	cr = newline && bytes > 0 && m->line_last == '\r';
	if (cr) {
		bytes--;
		if (m->line.n > bytes)
			m->line.n = bytes;
	}
	take_line(m, buf_view(&m->line), bytes, newline ? 1u + cr : 0);
	buf_reset(&m->line);
	m->line_bytes = 0;
}

void mime_feed(struct mime *m, struct str bytes)
{
	const char *p = bytes.p, *end = bytes.p + bytes.n, *nl;
	size_t n;
	bool cr;

	while (p < end) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL) {
			line_begin(m, (struct str){ p, (size_t)(end - p) });
			return;
		}
		n = (size_t)(nl - p);
		if (m->line_bytes > 0) {
			line_complete(m, (struct str){ p, n }, true);
		} else {
			cr = n > 0 && p[n - 1] == '\r';
			take_line(m, (struct str){ p, n - cr }, n - cr, 1u + cr);
		}
		p = nl + 1;
	}
}

/* A multipart has at least one part (RFC 2046 5.1.1); one without gets an empty one. */
static void fill_empty(struct mime *m)
{
	uint32_t n = m->n;

	for (uint32_t i = 0; i < n; i++) {
		if (m->nodes[i].kind != MIME_MULTIPART || m->nodes[i].child != MIME_NONE)
			continue;
		m->here = m->nodes[i].end;
		m->nodes[i].child = m->n;
		part_begin(m, i, false);
		/* in a digest it is a message, with an empty one inside */
		while (m->in_header)
			header_end(m);
		m->depth = 0;
	}
}

void mime_end(struct mime *m)
{
	if (m->line_bytes > 0)
		line_complete(m, STR_NONE, false);
	while (m->in_header)
		header_end(m);
	part_end(m, m->current, m->here);
	while (m->depth > 0)
		part_end(m, m->stack[--m->depth].part, m->here);
	fill_empty(m);
}

void mime_init(struct mime *m, bool raw)
{
	*m = (struct mime){ .raw = raw };
	arena_init(&m->arena);
	buf_init(&m->line, MIME_FIELD_BYTES);
	buf_init(&m->field, MIME_FIELD_BYTES);
	part_begin(m, MIME_NONE, true);
}

void mime_clear(struct mime *m)
{
	arena_clear(&m->arena);
	buf_clear(&m->line);
	buf_clear(&m->field);
	free(m->nodes);
	free(m->texts);
	*m = (struct mime){ 0 };
}

uint32_t mime_find(const struct mime_node *nodes, const uint32_t *number, unsigned n)
{
	uint32_t at = 0;
	bool numbered =
	    false; /* at has been named by a number, so it is a part and not a message */

	for (unsigned i = 0; i < n; i++) {
		if (numbered && nodes[at].kind == MIME_MESSAGE) {
			at = nodes[at].child;
			numbered = false;
		}
		if (nodes[at].kind == MIME_MULTIPART) {
			at = nodes[at].child;
			for (uint32_t k = 1; k < number[i] && at != MIME_NONE; k++)
				at = nodes[at].next;
			if (at == MIME_NONE || number[i] == 0)
				return MIME_NONE;
		} else if (numbered || number[i] != 1) {
			return MIME_NONE;
		}
		numbered = true;
	}
	return at;
}
