/* xtext. See xtext.h. */
#include "mail/xtext.h"

/* Upper case only: RFC 3461 says so, and a strict reader keeps one spelling per value. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One character of s at *at, decoded, or -1. */
static int decode_one(struct str s, size_t *at, bool utf8)
{
	unsigned char c = (unsigned char)s.p[(*at)++];
	int hi, lo;

	if (c != '+')
		return c > ' ' && c != '=' && c != 127 && (c < 127 || utf8) ? c : -1;
	if (s.n - *at < 2)
		return -1;
	hi = hex_value(s.p[*at]);
	lo = hex_value(s.p[*at + 1]);
	*at += 2;
	if (hi < 0 || lo < 0)
		return -1;
	hi = hi << 4 | lo;
	return hi >= ' ' && hi < 127 ? hi : -1;
}

int xtext_decode(struct str in, bool utf8, char *out, size_t size, size_t *n)
{
	*n = 0;
	for (size_t at = 0; at < in.n;) {
		int c = decode_one(in, &at, utf8);

		if (c < 0 || *n >= size)
			return -1;
		out[(*n)++] = (char)c;
	}
	return 0;
}

int xtext_encode(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c > ' ' && c != '+' && c != '=' && c != 127)
			buf_char(b, (char)c);
		else
			buf_printf(b, "+%02X", c);
	}
	return b->full ? -1 : 0;
}
