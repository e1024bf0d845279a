/* Down-conversion to 7 bits. See downgrade.h. */
#include "mail/downgrade.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "mail/utf8.h"

enum { HAS_HIGH_HEADER = 1, HAS_HIGH_BODY = 2 };

/* What is done with a part; replaces its marks. */
enum action {
	LEAVE, /* 8-bit bytes in it are where none may be: they become question marks */
	RELABEL, /* it says that it is 8bit, and will not be */
	TO_QP,
	TO_BASE64,
};

enum state { BETWEEN, IN_HEADER, IN_BODY };

void downgrade_init(struct downgrade *d)
{
	*d = (struct downgrade){ 0 };
	mime_init(&d->mime, true);
	buf_init(&d->header, DOWNGRADE_HEADER_MAX);
	buf_init(&d->text, SIZE_MAX);
}

void downgrade_clear(struct downgrade *d)
{
	mime_clear(&d->mime);
	free(d->marks);
	buf_clear(&d->header);
	buf_clear(&d->text);
	*d = (struct downgrade){ 0 };
}

/* --- looking ----------------------------------------------------------------------------------- */

static void mark(struct downgrade *d, uint32_t part, uint8_t what)
{
	if (part >= d->cap) {
		uint32_t cap = d->mime.cap > part ? d->mime.cap : part + 1;

		d->marks = xreallocarray(d->marks, cap, 1);
		memset(d->marks + d->cap, 0, cap - d->cap);
		d->cap = cap;
	}
	d->marks[part] |= what;
}

/* A line with 8-bit bytes has been read, which began in that part. */
static void mark_line(struct downgrade *d, uint32_t part, bool in_header)
{
	if (d->mime.current != part)
		d->impossible = true; /* a delimiter */
	else
		mark(d, part, in_header ? HAS_HIGH_HEADER : HAS_HIGH_BODY);
}

void downgrade_look(struct downgrade *d, struct str bytes)
{
	while (bytes.n > 0) {
		ssize_t lf = str_find(bytes, '\n');
		struct str piece = str_take(bytes, lf == -1 ? bytes.n : (size_t)lf + 1);
		uint32_t part = d->mime.current;
		bool in_header = d->mime.in_header;

		d->high = d->high || !str_is_ascii(piece);
		mime_feed(&d->mime, piece);
		if (d->high && lf != -1) {
			mark_line(d, part, in_header);
			d->high = false;
		}
		bytes = str_skip(bytes, piece.n);
	}
}

/* --- deciding ---------------------------------------------------------------------------------- */

static bool is_container(const struct mime_node *p)
{
	return p->kind == MIME_MULTIPART || p->kind == MIME_MESSAGE;
}

/* RFC 2046 5.1, 5.2.1: these types may be labelled 7bit, 8bit or binary, and be nothing else. */
static bool is_composite(struct str type)
{
	return str_casestarts(type, STR("message/")) || str_casestarts(type, STR("multipart/"));
}

static bool says_eightbit(struct str encoding)
{
	return str_caseeq(encoding, STR("8bit")) || str_caseeq(encoding, STR("binary"));
}

static int choose(struct downgrade *d, uint32_t i, uint8_t *action)
{
	const struct mime_node *p = &d->mime.nodes[i];
	const struct str *content = d->mime.texts[i].content;
	bool high = i < d->cap && (d->marks[i] & HAS_HIGH_BODY) != 0;

	*action = says_eightbit(content[FIELD_ENCODING]) ? RELABEL : LEAVE;
	if (!high || is_container(p) ||
	    mime_encoding_find(content[FIELD_ENCODING]) != MIME_IDENTITY)
		return 0;
	if (is_composite(content[FIELD_TYPE]))
		return -1;
	*action = p->kind == MIME_TEXT ? TO_QP : TO_BASE64;
	return 0;
}

static uint64_t header_size(const struct mime_node *p)
{
	return p->body.at - p->header.at;
}

int downgrade_plan(struct downgrade *d)
{
	uint32_t part = d->mime.current;
	bool in_header = d->mime.in_header;

	mime_end(&d->mime);
	if (d->high)
		mark(d, part, in_header ? HAS_HIGH_HEADER : HAS_HIGH_BODY);
	mark(d, d->mime.n - 1, 0);
	for (uint32_t i = 0; i < d->mime.n; i++) {
		uint8_t action;

		if (choose(d, i, &action) == -1 ||
		    header_size(&d->mime.nodes[i]) > DOWNGRADE_HEADER_MAX)
			d->impossible = true;
		d->marks[i] = action;
	}
	return d->impossible ? -1 : 0;
}

/* --- headers ----------------------------------------------------------------------------------- */

static void put_ascii(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_char(b, (s.p[i] & 0x80) != 0 ? '?' : s.p[i]);
}

/* Fields of which no word is text for people. */
static bool is_technical(struct str name)
{
	return str_caseeq(name, STR("Received")) || str_caseeq(name, STR("Return-Path")) ||
	       (str_casestarts(name, STR("Content-")) &&
		   !str_caseeq(name, STR("Content-Description")));
}

/* Fields that are text and nothing else: what has a meaning in others has none in them. */
static bool is_text(struct str name)
{
	return str_caseeq(name, STR("Subject")) || str_caseeq(name, STR("Comments")) ||
	       str_caseeq(name, STR("Content-Description")) || str_casestarts(name, STR("X-"));
}

/* Is c one of these? */
static bool among(char c, const char *these)
{
	return c != '\0' && strchr(these, c) != NULL;
}

/* The blanks and line ends at the beginning. */
static size_t leading_blank(struct str s)
{
	size_t n = 0;

	while (n < s.n && among(s.p[n], " \t\r\n"))
		n++;
	return n;
}

static size_t leading_word(struct str s)
{
	size_t n = 0;

	while (n < s.n && !among(s.p[n], " \t\r\n"))
		n++;
	return n;
}

/* What stands in its marks at the beginning: "quoted", (comment), [literal] (RFC 5322 3.2). */
static size_t leading_marked(struct str s)
{
	char open = s.p[0], close = open == '(' ? ')' : open == '[' ? ']' : '"';
	unsigned depth = 1;
	size_t n = 1;

	for (; n < s.n && depth > 0; n++) {
		if (s.p[n] == '\\' && n + 1 < s.n)
			n++;
		else if (s.p[n] == close)
			depth--;
		else if (s.p[n] == open)
			depth++;
	}
	return n;
}

/* Of a field that is not just text. */
static size_t leading_token(struct str s)
{
	size_t n = 0;

	if (s.n > 0 && among(s.p[0], "\"(["))
		return leading_marked(s);
	while (n < s.n && !among(s.p[n], " \t\r\n\"(["))
		n++;
	return n;
}

/* May a word with 8-bit bytes be encoded, as it stands there? */
static bool is_encodable(struct str word, bool text)
{
	bool plain = !str_is_ascii(word);

	for (size_t i = 0; i < word.n && plain && !text; i++)
		plain = !among(word.p[i], "\"()[]<>@,;:\\");
	return plain;
}

/* The words at the beginning that are to be encoded, with what is between them. */
static struct str leading_high(struct str s, bool text)
{
	size_t n = 0;

	for (;;) {
		size_t blank = n > 0 ? leading_blank(str_skip(s, n)) : 0;
		size_t word = leading_word(str_skip(s, n + blank));

		if (!is_encodable(str_take(str_skip(s, n + blank), word), text))
			return str_take(s, n);
		n += blank + word;
	}
}

static size_t column_of(const struct buf *b)
{
	ssize_t lf = str_rfind(buf_view(b), '\n');

	return b->n - (size_t)(lf + 1);
}

/* Without its folds; of a quoted string, what it means. */
static void put_encoded(struct buf *b, struct str s, bool quoted)
{
	struct buf meant;

	buf_init(&meant, DOWNGRADE_HEADER_MAX);
	for (size_t i = 0; i < s.n; i++) {
		if (quoted && s.p[i] == '\\' && i + 1 < s.n)
			i++;
		if (s.p[i] != '\r' && s.p[i] != '\n')
			buf_char(&meant, s.p[i]);
	}
	mime_encode_words(b, buf_view(&meant), column_of(b));
	buf_clear(&meant);
}

/*
 * What says where an address begins and ends must say the same afterwards, or the message would be
 * somebody else's: quoted strings are encoded as a whole (RFC 2047 5 (3)), and of comments and
 * whatever has a special character only the 8-bit bytes are replaced. apart: blanks are around it.
 */
static void put_token(struct buf *b, struct str s, bool apart)
{
	if (apart && !str_is_ascii(s) && s.n > 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		put_encoded(b, str_skip(str_take(s, s.n - 1), 1), true);
	else
		put_ascii(b, s);
}

static void put_value(struct buf *b, struct str value, bool text)
{
	bool apart = true;

	while (value.n > 0) {
		size_t n = leading_blank(value);
		struct str high;

		buf_str(b, str_take(value, n));
		value = str_skip(value, n);
		apart = apart || n > 0;
		high = apart ? leading_high(value, text) : STR_NONE;
		n = high.n;
		if (n > 0) {
			put_encoded(b, high, false);
		} else {
			n = text ? leading_word(value) : leading_token(value);
			put_token(
			    b, str_take(value, n), apart && leading_word(str_skip(value, n)) == 0);
		}
		value = str_skip(value, n);
		apart = false;
	}
}

/* One field with its continuation lines and last line end. */
static void put_field(struct buf *b, struct str field, uint8_t action, bool *version, bool *type)
{
	ssize_t colon = str_find(field, ':');
	struct str name = str_trim(str_take(field, colon > 0 ? (size_t)colon : 0));

	*version = *version || str_caseeq(name, STR("MIME-Version"));
	*type = *type || str_caseeq(name, STR("Content-Type"));
	if (action != LEAVE && str_caseeq(name, STR("Content-Transfer-Encoding")))
		return;
	if (str_is_ascii(field) || name.n == 0 || is_technical(name) || !str_is_ascii(name)) {
		put_ascii(b, field);
		return;
	}
	buf_str(b, str_take(field, (size_t)colon + 1));
	put_value(b, str_skip(field, (size_t)colon + 1), is_text(name));
}

/* The next field of a header: a line and those that continue it. */
static struct str next_field(struct str *rest)
{
	size_t n = 0;

	do {
		ssize_t lf = str_find(str_skip(*rest, n), '\n');

		n = lf == -1 ? rest->n : n + (size_t)lf + 1;
	} while (n < rest->n && (rest->p[n] == ' ' || rest->p[n] == '\t'));
	*rest = str_skip(*rest, n);
	return str_bytes(rest->p - n, n);
}

static bool is_blank_line(struct str s)
{
	return str_eq(s, STR("\r\n")) || str_eq(s, STR("\n"));
}

static void put_new_fields(struct buf *b, uint32_t part, uint8_t action, bool version, bool type)
{
	static const char *const encodings[] = {
		[RELABEL] = "7bit",
		[TO_QP] = "quoted-printable",
		[TO_BASE64] = "base64",
	};

	if (action == LEAVE)
		return;
	if (part == 0 && !version)
		buf_z(b, "MIME-Version: 1.0\r\n");
	if (part == 0 && !type && action != RELABEL)
		buf_z(b, "Content-Type: text/plain; charset=unknown-8bit\r\n");
	buf_printf(b, "Content-Transfer-Encoding: %s\r\n", encodings[action]);
}

/* The header of the part at hand is complete. */
static void put_header(struct downgrade *d)
{
	struct str rest = buf_view(&d->header), field = STR_NONE;
	uint8_t action = d->marks[d->part];
	bool version = false, type = false;

	while (rest.n > 0) {
		field = next_field(&rest);
		if (is_blank_line(field))
			break;
		put_field(&d->text, field, action, &version, &type);
	}
	put_new_fields(&d->text, d->part, action, version, type);
	if (is_blank_line(field))
		buf_str(&d->text, field);
	else if (action != LEAVE)
		buf_z(&d->text, "\r\n"); /* the message had a header only, or not even that */
	buf_reset(&d->header);
}

/* --- copying ----------------------------------------------------------------------------------- */

void downgrade_start(struct downgrade *d, int (*out)(void *arg, struct str bytes), void *arg)
{
	d->at = 0;
	d->part = 0;
	d->state = BETWEEN;
	d->out = out;
	d->arg = arg;
	buf_reset(&d->header);
	buf_reset(&d->text);
}

static bool is_encoded(const struct downgrade *d)
{
	return d->marks[d->part] == TO_QP || d->marks[d->part] == TO_BASE64;
}

/* Where the piece of the message that we are in ends. */
static uint64_t piece_end(const struct downgrade *d)
{
	const struct mime_node *p = &d->mime.nodes[d->part];

	if (d->part == d->mime.n)
		return UINT64_MAX;
	return d->state == BETWEEN ? p->header.at : d->state == IN_HEADER ? p->body.at : p->end.at;
}

static void take(struct downgrade *d, struct str s)
{
	if (d->state == IN_HEADER)
		buf_str(&d->header, s);
	else if (d->state == IN_BODY)
		mime_encode(&d->encoder, s, &d->text);
	else
		put_ascii(&d->text, s);
	d->at += s.n;
}

/* Parts without a place of their own stand at the end of the list: nothing is in them. */
static void next_part(struct downgrade *d)
{
	do {
		d->part++;
	} while (d->part < d->mime.n && d->mime.nodes[d->part].header.at < d->at);
	d->state = BETWEEN;
}

static void piece_over(struct downgrade *d)
{
	switch ((enum state)d->state) {
	case BETWEEN:
		d->state = IN_HEADER;
		break;
	case IN_HEADER:
		put_header(d);
		if (is_encoded(d)) {
			d->state = IN_BODY;
			mime_encode_start(
			    &d->encoder, d->marks[d->part] == TO_QP ? MIME_QP : MIME_BASE64);
		} else {
			next_part(d);
		}
		break;
	case IN_BODY:
		mime_encode_finish(&d->encoder, &d->text);
		next_part(d);
		break;
	}
}

static int flush(struct downgrade *d)
{
	int r = d->text.n > 0 ? d->out(d->arg, buf_view(&d->text)) : 0;

	buf_reset(&d->text);
	return r;
}

int downgrade_feed(struct downgrade *d, struct str bytes)
{
	int r = 0;

	while (bytes.n > 0 && r == 0) {
		uint64_t left;

		struct str s;

		while ((left = piece_end(d) - d->at) == 0)
			piece_over(d);
		s = str_take(bytes, left < bytes.n ? (size_t)left : bytes.n);
		take(d, s);
		bytes = str_skip(bytes, s.n);
		r = flush(d);
	}
	return r;
}

int downgrade_finish(struct downgrade *d)
{
	while (d->part < d->mime.n && piece_end(d) == d->at)
		piece_over(d);
	return flush(d);
}
