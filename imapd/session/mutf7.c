/* Modified UTF-7. See mutf7.h. */
#include "mutf7.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* --- to UTF-8 -------------------------------------------------------------------------------- */

static char *put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 63));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 63));
		*to++ = (char)(0x80 | (c & 63));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 63));
		*to++ = (char)(0x80 | (c >> 6 & 63));
		*to++ = (char)(0x80 | (c & 63));
	}
	return to;
}

/*
 * One run of base64 between '&' and '-'. NULL if it is not what an encoder would have written: bad
 * characters, left-over bits, half a surrogate pair, or ASCII that should stand for itself.
 */
static char *decode_run(char *to, struct str run)
{
	uint32_t bits = 0, high = 0, unit;
	unsigned n = 0;

	for (size_t i = 0; i < run.n; i++) {
		const char *at = run.p[i] == '\0' ? NULL : strchr(alphabet, run.p[i]);

		if (at == NULL)
			return NULL;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		n += 6;
		if (n < 16)
			continue;
		n -= 16;
		unit = bits >> n & 0xffff;
		bits &= (1u << n) - 1;
		if (unit >= 0xd800 && unit < 0xdc00) {
			if (high != 0)
				return NULL;
			high = unit;
			continue;
		}
		if ((unit >= 0xdc00 && unit < 0xe000) != (high != 0))
			return NULL;
		if (high != 0)
			unit = 0x10000 + ((high & 0x3ff) << 10) + (unit & 0x3ff);
		else if (unit >= 0x20 && unit < 0x7f)
			return NULL;
		high = 0;
		to = put_utf8(to, unit);
	}
	return high != 0 || n >= 6 || bits != 0 ? NULL : to;
}

bool mutf7_decode(struct arena *a, struct str s, struct str *out)
{
	char *space = arena_alloc(a, s.n * 2 + 1), *to = space;

	for (size_t i = 0; i < s.n; i++) {
		struct str run;
		ssize_t dash;

		if ((unsigned char)s.p[i] >= 0x80) {
			*out = arena_str(a, s);
			return true;
		}
		if (s.p[i] != '&') {
			*to++ = s.p[i];
			continue;
		}
		run = str_skip(s, i + 1);
		dash = str_find(run, '-');
		if (dash == -1)
			return false;
		run.n = (size_t)dash;
		if (run.n == 0)
			*to++ = '&';
		else if ((to = decode_run(to, run)) == NULL)
			return false;
		i += run.n + 1;
	}
	*out = (struct str){ space, (size_t)(to - space) };
	return true;
}

/* --- from UTF-8 ------------------------------------------------------------------------------ */

/* The next character of well-formed UTF-8, or U+FFFD and one byte. */
static uint32_t take_utf8(struct str *s)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char lead = (unsigned char)s->p[0];
	size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	uint32_t c = lead < 0x80 ? lead : lead & (0x3fu >> (n - 1));
	bool good = lead < 0x80 || (lead >= 0xc2 && lead < 0xf5 && s->n >= n);

	for (size_t i = 1; good && i < n; i++) {
		good = ((unsigned char)s->p[i] & 0xc0) == 0x80;
		c = c << 6 | ((unsigned char)s->p[i] & 63u);
	}
	good = good && c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
	*s = str_skip(*s, good ? n : 1);
	return good ? c : 0xfffd;
}

struct encoder {
	struct buf *b;
	uint32_t bits;
	unsigned n;
	bool open;
};

static void put_unit(struct encoder *e, uint32_t unit)
{
	if (!e->open)
		buf_char(e->b, '&');
	e->open = true;
	e->bits = e->bits << 16 | unit;
	for (e->n += 16; e->n >= 6;) {
		e->n -= 6;
		buf_char(e->b, alphabet[e->bits >> e->n & 63]);
	}
	e->bits &= (1u << e->n) - 1;
}

static void run_end(struct encoder *e)
{
	if (!e->open)
		return;
	if (e->n > 0)
		buf_char(e->b, alphabet[e->bits << (6 - e->n) & 63]);
	buf_char(e->b, '-');
	*e = (struct encoder){ .b = e->b };
}

void mutf7_encode(struct buf *b, struct str s)
{
	struct encoder e = { .b = b };

	while (s.n > 0) {
		uint32_t c = take_utf8(&s);

		if (c >= 0x20 && c < 0x7f) {
			run_end(&e);
			buf_char(b, (char)c);
			if (c == '&')
				buf_char(b, '-');
		} else if (c < 0x10000) {
			put_unit(&e, c);
		} else {
			put_unit(&e, 0xd800 + ((c - 0x10000) >> 10));
			put_unit(&e, 0xdc00 + ((c - 0x10000) & 0x3ff));
		}
	}
	run_end(&e);
}
