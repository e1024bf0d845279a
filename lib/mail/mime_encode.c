/* Text of ours in MIME. See mime_encode.h. */
#include "mail/mime_encode.h"

#include "base/base64.h"
#include "mail/utf8.h"

static const char hex[] = "0123456789ABCDEF";

/* --- quoted-printable -------------------------------------------------------------------------- */

enum { QP_LINE = 76 };

/* Must this byte of a line be encoded? Blanks at its end are lost on the way (RFC 2045 6.7 (3)). */
static bool qp_special(unsigned char c, bool last)
{
	return c > 126 || c == '=' || (c < ' ' && c != '\t') || (last && (c == ' ' || c == '\t'));
}

static void qp_line(struct buf *b, struct str line)
{
	size_t column = 0;

	for (size_t i = 0; i < line.n; i++) {
		unsigned char c = (unsigned char)line.p[i];
		bool last = i + 1 == line.n, special = qp_special(c, last);
		size_t width = special ? 3 : 1;

		/* the "=" of a soft line break needs a place, too */
		if (column + width > QP_LINE - (last ? 0 : 1)) {
			buf_z(b, "=\r\n");
			column = 0;
		}
		if (special)
			buf_printf(b, "=%c%c", hex[c >> 4], hex[c & 15]);
		else
			buf_char(b, (char)c);
		column += width;
	}
}

void mime_encode_qp(struct buf *b, struct str text)
{
	while (text.n > 0) {
		ssize_t end = str_search(text, STR("\r\n"));

		qp_line(b, str_take(text, end == -1 ? text.n : (size_t)end));
		if (end == -1)
			return;
		buf_z(b, "\r\n");
		text = str_skip(text, (size_t)end + 2);
	}
}

/* --- encoded words ----------------------------------------------------------------------------- */

enum { WORD_BYTES = 45, WORD_LINE = 76, WORD_AROUND = sizeof "=?UTF-8?B?" + sizeof "?=" - 2 };

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
	char out[BASE64_SIZE(WORD_BYTES)];
	size_t room = WORD_BYTES;

	if (str_is_ascii(text)) {
		buf_str(b, text);
		return;
	}
	/* what stands before it leaves the first word less room, or none */
	if (column + WORD_AROUND + BASE64_SIZE(4) > WORD_LINE)
		buf_z(b, "\r\n ");
	else if (column + WORD_AROUND + BASE64_SIZE(WORD_BYTES) > WORD_LINE)
		room = (WORD_LINE - WORD_AROUND - column) / 4 * 3;
	while (text.n > 0) {
		size_t n = whole_characters(text, room);

		buf_z(b, "=?UTF-8?B?");
		buf_put(b, out, base64_encode(str_take(text, n), out));
		buf_z(b, "?=");
		text = str_skip(text, n);
		room = WORD_BYTES;
		if (text.n > 0)
			buf_z(b, "\r\n ");
	}
}
