/* What stands behind encodings. See mime_decode.h. */
#include "mail/mime_decode.h"

#include <string.h>
#include <unicase.h>

#include "mail/charset_tables.h"

/* --- transfer encodings ---------------------------------------------------------------------- */

enum mime_encoding mime_encoding_find(struct str name)
{
	if (str_caseeq(name, STR("base64")))
		return MIME_BASE64;
	return str_caseeq(name, STR("quoted-printable")) ? MIME_QP : MIME_IDENTITY;
}

void mime_decode_init(struct mime_decoder *d, enum mime_encoding e)
{
	*d = (struct mime_decoder){ .encoding = e };
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static void decode_base64(struct mime_decoder *d, struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.n && !d->done; i++) {
		int v = base64_value(s.p[i]);

		if (s.p[i] == '=')
			d->done = true;
		if (v == -1)
			continue;
		d->bits = (d->bits << 6 | (unsigned)v) & 0xffffff;
		d->nbits += 6;
		if (d->nbits >= 8) {
			d->nbits -= 8;
			buf_char(out, (char)(d->bits >> d->nbits & 0xff));
		}
	}
}

static int hex_value(char c)
{
	if (ascii_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Looks at '=' and what has come behind it: decides, or waits for more. */
static void qp_pending(struct mime_decoder *d, struct buf *out)
{
	const char *p = d->pending;

	if (d->npending == 2 && p[1] == '\n') { /* soft line break */
		d->npending = 0;
		return;
	}
	if (d->npending < 3)
		return;
	if (p[1] == '\r' && p[2] == '\n') {
		d->npending = 0;
		return;
	}
	if (hex_value(p[1]) != -1 && hex_value(p[2]) != -1)
		buf_char(out, (char)(hex_value(p[1]) << 4 | hex_value(p[2])));
	else
		buf_put(out, p, 3);
	d->npending = 0;
}

static void decode_qp(struct mime_decoder *d, struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		if (d->npending > 0 || s.p[i] == '=') {
			d->pending[d->npending++] = s.p[i];
			qp_pending(d, out);
		} else {
			buf_char(out, s.p[i]);
		}
	}
}

void mime_decode(struct mime_decoder *d, struct str s, struct buf *out)
{
	if (d->encoding == MIME_BASE64)
		decode_base64(d, s, out);
	else if (d->encoding == MIME_QP)
		decode_qp(d, s, out);
	else
		buf_str(out, s);
}

/* --- charsets -------------------------------------------------------------------------------- */

const struct charset *charset_find(struct str name)
{
	if (str_caseeq(name, STR("latin1")))
		name = STR("iso-8859-1");
	for (size_t i = 0; i < CHARSETS; i++) {
		if (str_caseeq(name, str_of(charsets[i].name)))
			return &charsets[i];
	}
	return NULL;
}

static void put_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_char(b, (char)c);
	} else if (c < 0x800) {
		buf_char(b, (char)(0xc0 | c >> 6));
		buf_char(b, (char)(0x80 | (c & 63)));
	} else if (c < 0x10000) {
		buf_char(b, (char)(0xe0 | c >> 12));
		buf_char(b, (char)(0x80 | (c >> 6 & 63)));
		buf_char(b, (char)(0x80 | (c & 63)));
	} else {
		buf_char(b, (char)(0xf0 | c >> 18));
		buf_char(b, (char)(0x80 | (c >> 12 & 63)));
		buf_char(b, (char)(0x80 | (c >> 6 & 63)));
		buf_char(b, (char)(0x80 | (c & 63)));
	}
}

void charset_to_utf8(const struct charset *c, struct str s, struct buf *out)
{
	if (c == NULL) {
		buf_str(out, s);
		return;
	}
	for (size_t i = 0; i < s.n; i++) {
		unsigned char v = (unsigned char)s.p[i];
		uint32_t u = v < 0x80 ? v : c->high[v - 0x80];

		put_utf8(out, v >= 0x80 && u == 0 ? 0xfffd : u);
	}
}

/* --- encoded words (RFC 2047) ---------------------------------------------------------------- */

enum { WORD_MAX = 1000 /* RFC 2047 says 75; many are longer */ };

struct word {
	struct str charset, text;
	bool base64;
	size_t bytes; /* all of it */
};

/* "=?charset*language?q?text?=" at the start of s */
static bool take_word(struct str s, struct word *w)
{
	struct str rest = str_take(s, WORD_MAX);
	ssize_t mark, star, end;

	if (!str_starts(rest, STR("=?")))
		return false;
	rest = str_skip(rest, 2);
	mark = str_find(rest, '?');
	if (mark <= 0 || rest.n < (size_t)mark + 3 || rest.p[mark + 2] != '?')
		return false;
	w->charset = str_take(rest, (size_t)mark);
	star = str_find(w->charset, '*');
	if (star != -1)
		w->charset.n = (size_t)star;
	w->base64 = ascii_lower(rest.p[mark + 1]) == 'b';
	if (!w->base64 && ascii_lower(rest.p[mark + 1]) != 'q')
		return false;
	w->text = str_skip(rest, (size_t)mark + 3);
	end = str_search(w->text, STR("?="));
	if (end == -1)
		return false;
	w->text.n = (size_t)end;
	w->bytes = (size_t)(w->text.p - s.p) + w->text.n + 2;
	return true;
}

static void put_word(const struct word *w, struct buf *out)
{
	struct mime_decoder d;
	struct buf decoded;

	buf_init(&decoded, WORD_MAX);
	mime_decode_init(&d, w->base64 ? MIME_BASE64 : MIME_QP);
	if (w->base64) {
		mime_decode(&d, w->text, &decoded);
	} else {
		for (size_t i = 0; i < w->text.n; i++) {
			char c = w->text.p[i] == '_' ? ' ' : w->text.p[i];

			mime_decode(&d, (struct str){ &c, 1 }, &decoded);
		}
	}
	charset_to_utf8(charset_find(w->charset), buf_view(&decoded), out);
	buf_clear(&decoded);
}

static size_t blanks(struct str s)
{
	size_t n = 0;

	while (n < s.n && (s.p[n] == ' ' || s.p[n] == '\t' || s.p[n] == '\r' || s.p[n] == '\n'))
		n++;
	return n;
}

void mime_decode_words(struct str s, struct buf *out)
{
	struct word w;
	bool after_word = false;

	while (s.n > 0) {
		size_t space = blanks(s);

		/* blanks between two encoded words are not shown */
		if (take_word(str_skip(s, space), &w)) {
			if (!after_word)
				buf_put(out, s.p, space);
			put_word(&w, out);
			s = str_skip(s, space + w.bytes);
			after_word = true;
			continue;
		}
		buf_put(out, s.p, space);
		s = str_skip(s, space);
		if (s.n > 0)
			buf_char(out, s.p[0]);
		s = str_skip(s, 1);
		after_word = false;
	}
}

/* --- case ------------------------------------------------------------------------------------ */

/* Bytes of the well-formed sequence that s starts with; 0: cut off by its end; 1 also for junk. */
static size_t sequence(struct str s, uint32_t *out)
{
	unsigned char lead = (unsigned char)s.p[0];
	size_t n = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;
	uint32_t c = n == 1 ? lead : lead & (0x3fu >> (n - 1));

	for (size_t i = 1; i < n; i++) {
		if (i == s.n)
			return 0;
		if (((unsigned char)s.p[i] & 0xc0) != 0x80) {
			*out = lead;
			return 1;
		}
		c = c << 6 | ((unsigned char)s.p[i] & 63u);
	}
	*out = c;
	return n;
}

size_t utf8_fold(struct str s, struct buf *out)
{
	size_t used = 0;

	while (used < s.n) {
		uint32_t c;
		size_t n;

		if ((unsigned char)s.p[used] < 0x80) {
			buf_char(out, ascii_lower(s.p[used++]));
			continue;
		}
		n = sequence(str_skip(s, used), &c);
		if (n == 0)
			break;
		if (n == 1)
			buf_char(out, s.p[used]);
		else
			put_utf8(out, uc_tolower(c));
		used += n;
	}
	return used;
}
