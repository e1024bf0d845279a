/* Strict UTF-8. See utf8.h. */
#include "mail/utf8.h"

size_t utf8_char(struct str s, uint32_t *code)
{
	/* by length: mask of the first byte, its fixed bits, the least code that needs this length
	 */
	static const struct {
		uint8_t mask, bits;
		uint32_t least;
	} forms[] = { { 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 },
		{ 0xf8, 0xf0, 0x10000 } };
	const uint8_t *p = (const uint8_t *)s.p;
	uint32_t c;

	for (size_t n = 1; n <= 4 && n <= s.n; n++) {
		if ((p[0] & forms[n - 1].mask) != forms[n - 1].bits)
			continue;
		c = p[0] & (uint8_t)~forms[n - 1].mask;
		for (size_t i = 1; i < n; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (p[i] & 0x3f);
		}
		if (c < forms[n - 1].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return 0;
		*code = c;
		return n;
	}
	return 0;
}

bool utf8_valid(struct str s)
{
	uint32_t code;

	while (s.n > 0) {
		size_t n = utf8_char(s, &code);

		if (n == 0)
			return false;
		s = str_skip(s, n);
	}
	return true;
}

bool str_is_ascii(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] > 127)
			return false;
	}
	return true;
}
