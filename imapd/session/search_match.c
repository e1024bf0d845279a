/* Does a message match? See search.h. */
#include <string.h>

#include "date.h"
#include "mail/mime_decode.h"
#include "mail/mime_field.h"
#include "search.h"

enum { TEXT_MAX = 4 * 1024 * 1024 };

/* --- before the first message ---------------------------------------------------------------- */

static enum store_error bind_one(struct session *s, struct search_key *k)
{
	const struct store_view *v = s->view;

	if (k->kind == KEY_SEQ)
		set_resolve(&k->set, v->n);
	else if (k->kind == KEY_UID)
		set_resolve(&k->set, v->n == 0 ? 0 : v->msgs[v->n - 1].uid);
	else if (k->kind == KEY_KEYWORD)
		return store_keywords(s->view, &k->name, 1, false, &k->keywords);
	return STORE_OK;
}

enum store_error search_bind(struct session *s, struct search_key *root)
{
	enum store_error e = STORE_OK;

	for (struct search_key *k = root; k != NULL && e == STORE_OK; k = k->next) {
		e = bind_one(s, k);
		if (e == STORE_OK && k->child != NULL)
			e = search_bind(s, k->child);
	}
	return e;
}

/* --- text ------------------------------------------------------------------------------------ */

/* A text that comes in pieces, folded, with what may be the beginning of a match kept. */
struct haystack {
	struct str needle;
	struct buf folded;
	struct buf raw; /* a character that is not complete yet, and the piece */
	bool found;
};

static void haystack_init(struct haystack *h, struct str needle)
{
	*h = (struct haystack){ .needle = needle, .found = needle.n == 0 };
	buf_init(&h->folded, TEXT_MAX);
	buf_init(&h->raw, TEXT_MAX);
}

static void haystack_clear(struct haystack *h)
{
	buf_clear(&h->folded);
	buf_clear(&h->raw);
}

static void haystack_add(struct haystack *h, struct str utf8)
{
	size_t keep = h->needle.n > 0 ? h->needle.n - 1 : 0;

	if (h->found)
		return;
	if (h->folded.n > keep)
		buf_drop(&h->folded, h->folded.n - keep);
	buf_str(&h->raw, utf8);
	buf_drop(&h->raw, utf8_fold(buf_view(&h->raw), &h->folded));
	h->found = str_search(buf_view(&h->folded), h->needle) != -1;
	h->raw.full = h->folded.full = false;
}

/* A gap between texts: a match does not reach across. */
static void haystack_gap(struct haystack *h)
{
	buf_reset(&h->folded);
	buf_reset(&h->raw);
}

static bool text_has(struct str utf8, struct str needle)
{
	struct haystack h;
	bool found;

	haystack_init(&h, needle);
	haystack_add(&h, utf8);
	found = h.found;
	haystack_clear(&h);
	return found;
}

static bool words_have(struct str raw, struct str needle)
{
	struct buf decoded;
	bool found;

	buf_init(&decoded, TEXT_MAX);
	mime_decode_words(raw, &decoded);
	found = text_has(buf_view(&decoded), needle);
	buf_clear(&decoded);
	return found;
}

/* --- ENVELOPE -------------------------------------------------------------------------------- */

/* A string, NIL or bracket of an ENVELOPE that we have written ourselves. */
static bool envelope_token(struct parse *p, struct str *s, char *bracket)
{
	struct parse head;
	const char *end;
	uint64_t n;
	bool sync;

	*bracket = 0;
	parse_skip(p, ' ');
	if (parse_at(p, '(') || parse_at(p, ')')) {
		*bracket = *p->p++;
		return true;
	}
	if (!parse_at(p, '{'))
		return parse_nstring(p, s);
	/* a literal stands in the text itself */
	end = memchr(p->p, '}', (size_t)(p->end - p->p));
	if (end == NULL)
		return false;
	head = (struct parse){ .p = p->p, .end = end + 1, .arena = p->arena };
	if (!parse_literal_head(&head, &n, &sync) || (uint64_t)(p->end - end) < n + 3)
		return false;
	*s = (struct str){ end + 3, (size_t)n };
	p->p = end + 3 + n;
	return true;
}

/* Puts an address as people write it, from its four strings. */
static void put_part(struct buf *b, unsigned nth, struct str s)
{
	static const char *const before[4] = { "", " ", " <", "@" };

	buf_z(b, before[nth & 3]);
	if (s.p != NULL)
		buf_str(b, s);
	if ((nth & 3) == 3)
		buf_z(b, ">, ");
}

/* The text of one field; *present: it is not NIL. */
static bool envelope_field(struct content *c, enum mime_field field, struct buf *out, bool *present)
{
	struct str env, s = { NULL, 0 };
	unsigned depth = 0, nth = 0, part = 0;
	struct arena a;
	struct parse p = { .arena = &a };
	char bracket;

	*present = false;
	if (content_envelope(c, &env) != STORE_OK)
		return false;
	arena_init(&a);
	p.p = env.p;
	p.end = env.p + env.n;
	while (p.p < p.end && nth <= (unsigned)field && envelope_token(&p, &s, &bracket)) {
		if (bracket == '(') {
			depth++;
		} else if (bracket == ')') {
			depth--;
		} else if (nth == (unsigned)field) {
			*present |= s.p != NULL;
			if (depth == 1 && s.p != NULL)
				buf_str(out, s);
			else if (depth > 1)
				put_part(out, part++, s);
		}
		if (depth <= 1 && bracket != '(')
			nth++;
		if (depth == 0)
			break;
	}
	arena_clear(&a);
	return true;
}

static bool match_envelope(struct content *c, const struct search_key *k)
{
	struct buf text;
	bool present, found;

	buf_init(&text, TEXT_MAX);
	found = envelope_field(c, k->field, &text, &present) && present &&
		words_have(buf_view(&text), k->text);
	/* everything holds the empty string, but HEADER asks for the field */
	if (!found && k->text.n == 0 && k->name.n == 0)
		found = true;
	buf_clear(&text);
	return found;
}

static bool match_sent(struct content *c, const struct search_key *k)
{
	struct buf text;
	bool present, found = false;
	int64_t t;

	buf_init(&text, TEXT_MAX);
	if (envelope_field(c, FIELD_DATE, &text, &present)) {
		/* security 74: a date that is none is the time of arrival */
		if (!present || !date_parse_header(buf_view(&text), &t))
			t = c->s->view->msgs[c->idx].date;
		found = t >= k->from && t < k->to;
	}
	buf_clear(&text);
	return found;
}

/* --- header ---------------------------------------------------------------------------------- */

/* Cuts the next field with its continuation lines off; false at the end of the header. */
static bool next_field(struct str *header, struct str *name, struct str *value)
{
	struct str field = *header;
	size_t n = 0;
	ssize_t colon;

	while (n < header->n) {
		ssize_t nl = str_find(str_skip(*header, n), '\n');

		n = nl == -1 ? header->n : n + (size_t)nl + 1;
		if (n >= header->n || (header->p[n] != ' ' && header->p[n] != '\t'))
			break;
	}
	field.n = n;
	*header = str_skip(*header, n);
	if (str_trim(field).n == 0)
		return false;
	colon = str_find(field, ':');
	*name = str_trim(str_take(field, colon == -1 ? 0 : (size_t)colon));
	*value = str_trim(str_skip(field, (size_t)(colon + 1)));
	return true;
}

static bool match_header(struct content *c, const struct search_key *k)
{
	struct str header, name, value;

	if (content_header(c, &header) != STORE_OK)
		return false;
	while (next_field(&header, &name, &value)) {
		if (str_caseeq(name, k->name) && words_have(value, k->text))
			return true;
	}
	return false;
}

/* --- body ------------------------------------------------------------------------------------ */

/* How a part is to be decoded, out of its header. */
static void part_coding(struct content *c, const struct mime_node *node, struct mime_decoder *d,
    const struct charset **charset)
{
	struct mime_value v = { 0 };
	struct str header, name, value;
	enum mime_encoding encoding = MIME_IDENTITY;
	struct arena a;

	*charset = NULL;
	arena_init(&a);
	/* what is needed stands in the first block, or it is no honest header */
	if (content_read(c, node->header.wire, node->body.wire - node->header.wire, &header) !=
	    STORE_OK)
		header = STR_NONE;
	while (next_field(&header, &name, &value)) {
		if (str_caseeq(name, STR("Content-Transfer-Encoding")))
			encoding = mime_encoding_find(mime_word(&a, value));
		if (str_caseeq(name, STR("Content-Type"))) {
			mime_value_parse(&v, &a, value, true);
			*charset = charset_find(mime_value_param(&v, STR("charset")));
		}
	}
	mime_decode_init(d, encoding);
	arena_clear(&a);
}

static void search_part(struct content *c, const struct mime_node *node, struct haystack *h)
{
	struct mime_decoder d;
	const struct charset *charset;
	struct buf decoded, utf8;
	struct str piece;

	part_coding(c, node, &d, &charset);
	buf_init(&decoded, (size_t)2 * CONTENT_BLOCK);
	buf_init(&utf8, (size_t)8 * CONTENT_BLOCK);
	for (uint64_t at = node->body.wire; at < node->end.wire && !h->found; at += piece.n) {
		if (content_read(c, at, node->end.wire - at, &piece) != STORE_OK || piece.n == 0)
			break;
		buf_reset(&decoded);
		buf_reset(&utf8);
		mime_decode(&d, piece, &decoded);
		charset_to_utf8(charset, buf_view(&decoded), &utf8);
		haystack_add(h, buf_view(&utf8));
	}
	haystack_gap(h);
	buf_clear(&decoded);
	buf_clear(&utf8);
}

static void search_header(struct content *c, const struct mime_node *node, struct haystack *h)
{
	struct buf raw, decoded;
	struct str piece;
	uint64_t at = node->header.wire;

	buf_init(&raw, CONTENT_HEADER_MAX);
	buf_init(&decoded, CONTENT_HEADER_MAX);
	while (at < node->body.wire && !raw.full) {
		if (content_read(c, at, node->body.wire - at, &piece) != STORE_OK || piece.n == 0)
			break;
		buf_str(&raw, piece);
		at += piece.n;
	}
	mime_decode_words(buf_view(&raw), &decoded);
	for (struct str rest = buf_view(&decoded); rest.n > 0; rest = str_skip(rest, CONTENT_BLOCK))
		haystack_add(h, str_take(rest, CONTENT_BLOCK));
	haystack_gap(h);
	buf_clear(&raw);
	buf_clear(&decoded);
}

/* BODY looks at texts, and at the headers of messages inside; TEXT at all headers as well. */
static bool match_body(struct content *c, const struct search_key *k)
{
	struct haystack h;
	bool found;

	if (content_nodes(c) != STORE_OK)
		return false;
	haystack_init(&h, k->text);
	for (uint32_t i = 0; i < c->nnodes && !h.found; i++) {
		struct mime_node node = c->nodes[i];
		bool inner = i > 0 && c->nodes[node.parent].kind == MIME_MESSAGE;

		if (k->kind == KEY_TEXT || inner)
			search_header(c, &node, &h);
		if (node.kind == MIME_TEXT && !h.found)
			search_part(c, &node, &h);
	}
	found = h.found;
	haystack_clear(&h);
	return found;
}

/* --- all keys -------------------------------------------------------------------------------- */

static bool match_children(struct content *c, const struct search_key *k)
{
	bool any = k->kind == KEY_OR;

	for (const struct search_key *child = k->child; child != NULL; child = child->next) {
		if (search_match(c, child) == any)
			return any;
	}
	return !any;
}

static bool match(struct content *c, const struct search_key *k)
{
	const struct store_msg *m = &c->s->view->msgs[c->idx];

	switch (k->kind) {
	case KEY_AND:
	case KEY_OR:
		return match_children(c, k);
	case KEY_FLAGS:
		return (m->flags & k->mask) == k->flags;
	case KEY_KEYWORD:
		return (m->keywords & k->keywords) != 0;
	case KEY_SEQ:
		return set_has(&k->set, c->idx + 1);
	case KEY_UID:
		return set_has(&k->set, m->uid);
	case KEY_DATE:
		return m->date >= k->from && m->date < k->to;
	case KEY_SIZE:
		return (int64_t)m->size >= k->from && (int64_t)m->size < k->to;
	case KEY_MODSEQ:
		return m->modseq >= k->modseq;
	case KEY_SENT:
		return match_sent(c, k);
	case KEY_ENVELOPE:
		return match_envelope(c, k);
	case KEY_HEADER:
		return match_header(c, k);
	default:
		return match_body(c, k);
	}
}

bool search_match(struct content *c, const struct search_key *k)
{
	return match(c, k) != k->not ;
}
