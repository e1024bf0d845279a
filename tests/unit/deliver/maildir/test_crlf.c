/* Line ends and sizes on the way from the wire to the disk. */
#include "../../../../deliver/maildir/crlf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct {
	const char *wire, *disk;
	size_t crlf; /* size when every LF is sent as CRLF again */
} cases[] = {
	{ "", "", 0 },
	{ "a", "a", 1 },
	{ "a\r\n", "a\n", 3 },
	{ "\r\n", "\n", 2 },
	{ "\r\n\r\n", "\n\n", 4 },
	{ "a\r\nb\r\n\r\nc\r\n", "a\nb\n\nc\n", 11 },
	{ "no end", "no end", 6 },
	{ "a\nb\r\n", "a\nb\n", 6 }, /* a bare LF is a line end for every reader */
	{ "a\rb\r\n", "a\rb\n", 5 }, /* a bare CR is not */
	{ "a\r", "a\r", 2 },
	{ "\r", "\r", 1 },
	{ "\r\r\n", "\r\n", 2 }, /* readers take CR LF on disk as it stands */
	{ "\r\r\r\n", "\r\r\n", 3 },
	{ "\n\r\n\r", "\n\n\r", 5 },
	{ "\n", "\n", 2 },
	{ "\r\n\r", "\n\r", 3 },
	{ "a\r\n.\r\n", "a\n.\n", 6 },
};

static void check(const char *in, size_t n, size_t step, const char *disk, size_t crlf)
{
	struct crlf c = { 0 };
	char out[64];
	size_t used = 0;

	for (size_t i = 0; i < n; i += step) {
		size_t part = n - i < step ? n - i : step;
		char *exact = malloc(part + 1);
		size_t r = crlf_feed(&c, str_bytes(in + i, part), exact);

		assert_true(r <= part + 1);
		memcpy(out + used, exact, r);
		used += r;
		free(exact);
	}
	used += crlf_end(&c, out + used);
	assert_int_equal(used, strlen(disk));
	assert_memory_equal(out, disk, used);
	assert_int_equal(c.size, used);
	assert_int_equal(c.wire, crlf);
}

static void test_all_cuts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (size_t step = 1; step <= strlen(cases[i].wire) + 1; step++)
			check(cases[i].wire, strlen(cases[i].wire), step, cases[i].disk,
			    cases[i].crlf);
}

/* Every string of up to 7 of CR, LF and a letter, against the definition. */
static void test_all_mixes(void **state)
{
	static const char set[] = "\r\na";
	char in[8], disk[8];

	(void)state;
	for (size_t len = 0; len <= 7; len++) {
		size_t total = 1;

		for (size_t i = 0; i < len; i++)
			total *= 3;
		for (size_t k = 0; k < total; k++) {
			size_t n = 0, crlf, v = k;

			for (size_t i = 0; i < len; i++, v /= 3)
				in[i] = set[v % 3];
			for (size_t i = 0; i < len; i++)
				if (in[i] != '\r' || i + 1 == len || in[i + 1] != '\n')
					disk[n++] = in[i];
			disk[n] = '\0';
			crlf = n;
			for (size_t i = 0; i < n; i++)
				crlf += disk[i] == '\n' && (i == 0 || disk[i - 1] != '\r');
			check(in, len, 1, disk, crlf);
			check(in, len, 2, disk, crlf);
			check(in, len, len + 1, disk, crlf);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_cuts),
		cmocka_unit_test(test_all_mixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
