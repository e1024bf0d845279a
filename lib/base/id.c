/* Queue and trace ids. See id.h. */
#include "base/id.h"

#include <stdlib.h>
#include <sys/random.h>

static const char digits[33] = "abcdefghijklmnopqrstuvwxyz234567";

void id_format(uint64_t id, char out[ID_TEXT + 1])
{
	for (int i = ID_TEXT - 1; i >= 0; i--) {
		out[i] = digits[id & 31];
		id >>= 5;
	}
	out[ID_TEXT] = '\0';
}

static int digit_value(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

int id_parse(struct str text, uint64_t *id)
{
	uint64_t v = 0;

	if (text.n != ID_TEXT)
		return -1;
	for (size_t i = 0; i < ID_TEXT; i++) {
		int d = digit_value(text.p[i]);

		/* 13 digits are 65 bits: the first one has four */
		if (d == -1 || (i == 0 && d > 15))
			return -1;
		v = v << 5 | (uint64_t)d;
	}
	*id = v;
	return 0;
}

uint64_t id_random(void)
{
	uint64_t v;

	do {
		if (getrandom(&v, sizeof v, 0) != (ssize_t)sizeof v)
			abort();
	} while (v == 0);
	return v;
}
