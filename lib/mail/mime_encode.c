/* Encoding for MIME. See mime_encode.h. */
#include "mail/mime_encode.h"

#include "base/base64.h"
#include "mail/utf8.h"

enum { LINE = 76 };

/* --- quoted-printable -------------------------------------------------------------------------- */

static const char hex[] = "0123456789ABCDEF";

/* `last` on its line: then nothing has to follow it there. */
static void qp_put(
    struct mime_encoder *e, unsigned char c, bool encoded, bool last, struct buf *out)
{
	unsigned width = encoded ? 3 : 1;

	/* the "=" of a soft line break needs a place, too */
	if (e->column + width > LINE - (last ? 0u : 1u)) {
		buf_z(out, "=\r\n");
		e->column = 0;
	}
	if (encoded)
		buf_printf(out, "=%c%c", hex[c >> 4], hex[c & 15]);
	else
		buf_char(out, (char)c);
	e->column += width;
}

/* Blanks at the end of a line are lost on the way (RFC 2045 6.7 (3)). */
static void qp_byte(struct mime_encoder *e, unsigned char c, bool last, struct buf *out)
{
	bool blank = c == ' ' || c == '\t';

	qp_put(e, c, c > 126 || c == '=' || (c < ' ' && c != '\t') || (blank && last), last, out);
}

/* The byte before, and perhaps a CR behind it, wait until it is known whether the line ends. */
static void qp_next(struct mime_encoder *e, char c, struct buf *out)
{
	bool cr = e->npending > 0 && e->pending[e->npending - 1] == '\r';

	if (c == '\n' && cr) {
		if (e->npending == 2)
			qp_byte(e, (unsigned char)e->pending[0], true, out);
		buf_z(out, "\r\n");
		e->npending = 0;
		e->column = 0;
		return;
	}
	if (e->npending > 0 && !(c == '\r' && e->npending == 1 && !cr)) {
		for (unsigned i = 0; i < e->npending; i++)
			qp_byte(e, (unsigned char)e->pending[i], false, out);
		e->npending = 0;
	}
	e->pending[e->npending++] = c;
}

static void qp_finish(struct mime_encoder *e, struct buf *out)
{
	for (unsigned i = 0; i < e->npending; i++)
		qp_byte(e, (unsigned char)e->pending[i], i + 1u == e->npending, out);
}

/* --- base64 ------------------------------------------------------------------------------------ */

static void base64_put(struct mime_encoder *e, struct buf *out)
{
	char text[4];

	if (e->column == LINE) {
		buf_z(out, "\r\n");
		e->column = 0;
	}
	base64_encode(str_bytes(e->pending, e->npending), text);
	buf_put(out, text, sizeof text);
	e->column += (unsigned)sizeof text;
	e->npending = 0;
}

static void base64_next(struct mime_encoder *e, char c, struct buf *out)
{
	e->pending[e->npending++] = c;
	if (e->npending == 3)
		base64_put(e, out);
}

static void base64_finish(struct mime_encoder *e, struct buf *out)
{
	if (e->npending > 0)
		base64_put(e, out);
}

/* --- any --------------------------------------------------------------------------------------- */

void mime_encode_start(struct mime_encoder *e, enum mime_encoding encoding)
{
	*e = (struct mime_encoder){ .encoding = (uint8_t)encoding };
}

void mime_encode(struct mime_encoder *e, struct str s, struct buf *out)
{
	void (*next)(struct mime_encoder *, char, struct buf *) =
	    e->encoding == MIME_QP ? qp_next : base64_next;

	for (size_t i = 0; i < s.n; i++)
		next(e, s.p[i], out);
}

void mime_encode_finish(struct mime_encoder *e, struct buf *out)
{
	if (e->encoding == MIME_QP)
		qp_finish(e, out);
	else
		base64_finish(e, out);
	e->npending = 0;
}

/* --- encoded words ----------------------------------------------------------------------------- */

enum { WORD_BYTES = 42 }; /* with the longer charset, 75 characters and a blank before */

/* How many bytes of s are whole characters, at most n. */
static size_t whole_characters(struct str s, size_t n)
{
	size_t used = 0;

	while (used < s.n) {
		uint32_t code;
		size_t k = utf8_char(str_skip(s, used), &code);

		k = k == 0 ? 1 : k;
		if (used + k > n)
			break;
		used += k;
	}
	return used;
}

void mime_encode_words(struct buf *b, struct str text, size_t column)
{
	struct str charset = utf8_valid(text) ? STR("UTF-8") : STR("unknown-8bit");
	size_t around = charset.n +
			sizeof "=?"
			       "?B?"
			       "?=" -
			1,
	       room = WORD_BYTES;
	char out[BASE64_SIZE(WORD_BYTES)];

	if (str_is_ascii(text)) {
		buf_str(b, text);
		return;
	}
	/* what stands before it leaves the first word less room, or none */
	if (column + around + BASE64_SIZE(4) > LINE)
		buf_z(b, "\r\n ");
	else if (column + around + BASE64_SIZE(WORD_BYTES) > LINE)
		room = (LINE - around - column) / 4 * 3;
	while (text.n > 0) {
		size_t n = whole_characters(text, room);

		buf_printf(b, "=?%.*s?B?", STR_ARG(charset));
		buf_put(b, out, base64_encode(str_take(text, n), out));
		buf_z(b, "?=");
		text = str_skip(text, n);
		room = WORD_BYTES;
		if (text.n > 0)
			buf_z(b, "\r\n ");
	}
}
