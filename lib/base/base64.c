/* Base64. See base64.h. */
#include "base/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64_encode(struct str s, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i += 3) {
		uint32_t bits = 0;

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (i + k < s.n ? (unsigned char)s.p[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			out[n++] = i + k > s.n ? '=' : digits[bits >> (18 - 6 * k) & 63];
	}
	return n;
}

/* Groups of four digits, of which the last may have two or three; what is left of its bits is 0. */
static ssize_t decode(struct str s, const char *alphabet, char *out)
{
	uint32_t bits = 0;
	size_t n = 0;

	if (s.n % 4 == 1)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		const char *p = s.p[i] == '\0' ? NULL : strchr(alphabet, s.p[i]);

		if (p == NULL)
			return -1;
		bits = (bits << 6 | (uint32_t)(p - alphabet)) & 0xffffff;
		if (i % 4 != 0)
			out[n++] = (char)(bits >> (6 - 2 * (i % 4)) & 0xff);
	}
	if (s.n % 4 != 0 && (bits & (s.n % 4 == 2 ? 15 : 3)) != 0)
		return -1;
	return (ssize_t)n;
}

ssize_t base64_decode(struct str s, char *out)
{
	if (s.n % 4 != 0)
		return -1;
	for (unsigned pad = 0; pad < 2 && s.n > 0 && s.p[s.n - 1] == '='; pad++)
		s.n--;
	return decode(s, digits, out);
}

ssize_t base64url_decode(struct str s, char *out)
{
	return decode(s, url_digits, out);
}
