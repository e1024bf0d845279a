/* What IMAP says about a message. See mime_imap.h. */
#include "mail/mime_imap.h"

#include <string.h>

#include "mail/mime_field.h"

enum { QUOTED_MAX = 1000 };

/* --- strings --------------------------------------------------------------------------------- */

static bool quotable(struct str s)
{
	if (s.n > QUOTED_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '\0' || c == '\r' || c == '\n' || c >= 0x80)
			return false;
	}
	return true;
}

static void put_quoted(struct buf *b, struct str s)
{
	buf_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_char(b, '\\');
		buf_char(b, s.p[i]);
	}
	buf_char(b, '"');
}

void imap_put_string(struct buf *b, struct str s)
{
	char *to;

	if (quotable(s)) {
		put_quoted(b, s);
		return;
	}
	buf_printf(b, "{%zu}\r\n", s.n);
	to = buf_room(b, s.n);
	if (to == NULL)
		return;
	for (size_t i = 0; i < s.n; i++)
		to[i] = s.p[i] == '\0' ? (char)0x80 : s.p[i];
	b->n += s.n;
}

void imap_put_nstring(struct buf *b, struct str s)
{
	if (s.p == NULL)
		buf_z(b, "NIL");
	else
		imap_put_string(b, s);
}

static bool is_atom(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c >= 0x7f || memchr("(){%*\"\\", c, 7) != NULL)
			return false;
	}
	return s.n > 0 && !str_caseeq(s, STR("NIL"));
}

void imap_put_astring(struct buf *b, struct str s)
{
	if (is_atom(s))
		buf_str(b, s);
	else
		imap_put_string(b, s);
}

/* A token of MIME, as a string; fallback when there is none. */
static void put_token(struct buf *b, struct str s, const char *fallback)
{
	imap_put_string(b, s.n > 0 ? s : str_of(fallback));
}

/* --- ENVELOPE -------------------------------------------------------------------------------- */

static void put_address(struct buf *b, const struct mime_address *a)
{
	buf_char(b, '(');
	imap_put_nstring(b, a->name);
	buf_char(b, ' ');
	imap_put_nstring(b, a->route);
	buf_char(b, ' ');
	imap_put_nstring(b, a->mailbox);
	buf_char(b, ' ');
	imap_put_nstring(b, a->host);
	buf_char(b, ')');
}

/* false, and nothing is put, when there is no address in it. */
static bool put_addresses(struct buf *b, struct str field)
{
	struct mime_address_cursor c;
	struct mime_address addr;
	struct arena a;
	bool any = false;

	if (field.p == NULL)
		return false;
	arena_init(&a);
	mime_address_start(&c, field);
	while (mime_address_next(&c, &a, &addr)) {
		if (!any)
			buf_char(b, '(');
		any = true;
		put_address(b, &addr);
	}
	if (any)
		buf_char(b, ')');
	arena_clear(&a);
	return any;
}

/* A list of addresses; where it is missing or empty, what From says (Sender, Reply-To), or NIL. */
static void put_address_field(struct buf *b, const struct str *envelope, int i)
{
	if (put_addresses(b, envelope[i]))
		return;
	if ((i == FIELD_SENDER || i == FIELD_REPLY_TO) && put_addresses(b, envelope[FIELD_FROM]))
		return;
	buf_z(b, "NIL");
}

void imap_put_envelope(struct buf *b, const struct mime *m, uint32_t p)
{
	const struct str *envelope = m->texts[p].envelope;

	for (int i = 0; i < FIELD_ENVELOPE; i++) {
		buf_char(b, i == 0 ? '(' : ' ');
		if (i >= FIELD_FROM && i <= FIELD_BCC)
			put_address_field(b, envelope, i);
		else
			imap_put_nstring(b, envelope[i]);
	}
	buf_char(b, ')');
}

/* --- BODY and BODYSTRUCTURE ------------------------------------------------------------------ */

static void put_params(struct buf *b, const struct mime_value *v)
{
	if (v->nparams == 0) {
		buf_z(b, "NIL");
		return;
	}
	for (unsigned i = 0; i < v->nparams; i++) {
		buf_char(b, i == 0 ? '(' : ' ');
		imap_put_string(b, v->params[i].name);
		buf_char(b, ' ');
		imap_put_string(b, v->params[i].value);
	}
	buf_char(b, ')');
}

static void put_disposition(struct buf *b, struct arena *a, struct str field)
{
	struct mime_value v = { 0 };

	if (field.p != NULL)
		mime_value_parse(&v, a, field, false);
	if (v.type.n == 0) {
		buf_z(b, "NIL");
		return;
	}
	buf_char(b, '(');
	imap_put_string(b, v.type);
	buf_char(b, ' ');
	put_params(b, &v);
	buf_char(b, ')');
}

/* Content-Language: NIL, one string, or a list. */
static void put_language(struct buf *b, struct arena *a, struct str field)
{
	struct str rest = field, item;
	unsigned n = 0;

	if (field.p != NULL) {
		while (n < MIME_PARAMS && str_cut(&rest, ',', &item)) {
			item = mime_word(a, item);
			if (item.n == 0)
				continue;
			buf_char(b, n++ == 0 ? '(' : ' ');
			imap_put_string(b, item);
		}
	}
	buf_z(b, n == 0 ? "NIL" : ")");
}

static void put_extension(struct buf *b, struct arena *a, const struct mime_text *t)
{
	buf_char(b, ' ');
	put_disposition(b, a, t->content[FIELD_DISPOSITION]);
	buf_char(b, ' ');
	put_language(b, a, t->content[FIELD_LANGUAGE]);
	buf_char(b, ' ');
	imap_put_nstring(b, t->content[FIELD_LOCATION]);
}

/* The parsed Content-Type, or the default of RFC 2045 5.2. */
static void content_type(const struct mime *m, uint32_t i, struct arena *a, struct mime_value *v)
{
	const struct mime_node *node = &m->nodes[i];
	struct str field = m->texts[i].content[FIELD_TYPE];

	*v = (struct mime_value){ 0 };
	if (node->kind == MIME_OPAQUE) {
		v->type = STR("application");
		v->subtype = STR("octet-stream");
		return;
	}
	if (field.p != NULL)
		mime_value_parse(v, a, field, true);
	if (v->type.n == 0) {
		v->type = node->kind == MIME_MESSAGE ? STR("message") : STR("text");
		v->subtype = node->kind == MIME_MESSAGE ? STR("rfc822") : STR("plain");
	}
	if (node->kind == MIME_TEXT && v->nparams < MIME_PARAMS &&
	    mime_value_param(v, STR("charset")).p == NULL)
		v->params[v->nparams++] = (struct mime_param){ STR("charset"), STR("us-ascii") };
}

/* type subtype params id description encoding size */
static void put_basic(struct buf *b, const struct mime *m, uint32_t i, struct arena *a)
{
	const struct str *content = m->texts[i].content;
	struct mime_value v;
	struct str encoding = STR_NONE;

	content_type(m, i, a, &v);
	if (content[FIELD_ENCODING].p != NULL)
		encoding = mime_word(a, content[FIELD_ENCODING]);
	put_token(b, v.type, "text");
	buf_char(b, ' ');
	put_token(b, v.subtype, "plain");
	buf_char(b, ' ');
	put_params(b, &v);
	buf_char(b, ' ');
	imap_put_nstring(b, content[FIELD_ID]);
	buf_char(b, ' ');
	imap_put_nstring(b, content[FIELD_DESCRIPTION]);
	buf_char(b, ' ');
	put_token(b, encoding, "7bit");
	buf_printf(b, " %llu", (unsigned long long)mime_body_size(&m->nodes[i]));
}

static void put_md5(struct buf *b, const struct mime_text *t)
{
	buf_char(b, ' ');
	imap_put_nstring(b, t->content[FIELD_MD5]);
}

static void put_lines(struct buf *b, const struct mime_node *node)
{
	buf_printf(b, " %llu", (unsigned long long)mime_body_lines(node));
}

/* What comes before the children of part i, or all of it when it has none. */
static void enter(struct buf *b, const struct mime *m, uint32_t i, struct arena *a, bool ext)
{
	const struct mime_node *node = &m->nodes[i];

	buf_char(b, '(');
	if (node->kind == MIME_MULTIPART) {
		/* The grammar wants at least one part. */
		if (node->child == MIME_NONE)
			buf_z(b,
			    "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0)");
		return;
	}
	put_basic(b, m, i, a);
	if (node->kind == MIME_MESSAGE) {
		buf_char(b, ' ');
		imap_put_envelope(b, m, node->child);
		buf_char(b, ' ');
		return;
	}
	if (node->kind == MIME_TEXT)
		put_lines(b, node);
	if (ext) {
		put_md5(b, &m->texts[i]);
		put_extension(b, a, &m->texts[i]);
	}
	buf_char(b, ')');
}

/* What comes behind the children of part i, a multipart or a message. */
static void leave(struct buf *b, const struct mime *m, uint32_t i, struct arena *a, bool ext)
{
	const struct mime_node *node = &m->nodes[i];
	struct mime_value v;

	if (node->kind == MIME_MESSAGE) {
		put_lines(b, node);
		if (ext)
			put_md5(b, &m->texts[i]);
	} else {
		content_type(m, i, a, &v);
		buf_char(b, ' ');
		put_token(b, v.subtype, "mixed");
		if (ext) {
			buf_char(b, ' ');
			put_params(b, &v);
		}
	}
	if (ext)
		put_extension(b, a, &m->texts[i]);
	buf_char(b, ')');
}

void imap_put_body(struct buf *b, const struct mime *m, bool ext)
{
	uint32_t i = 0;
	struct arena a;

	arena_init(&a);
	enter(b, m, 0, &a, ext);
	for (;;) {
		if (m->nodes[i].child != MIME_NONE) {
			i = m->nodes[i].child;
		} else {
			while (i != 0 && m->nodes[i].next == MIME_NONE) {
				i = m->nodes[i].parent;
				leave(b, m, i, &a, ext);
			}
			if (i == 0)
				break;
			i = m->nodes[i].next;
		}
		enter(b, m, i, &a, ext);
		arena_reset(&a);
	}
	arena_clear(&a);
}
