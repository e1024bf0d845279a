/* Dots and line ends, in and out: what ends a message and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "mail/dots.h"

struct result {
	struct buf out;
	bool ended;
	size_t used;
	unsigned faults;
};

/* Feeds in pieces of `step` bytes, each in a block of its own. */
static struct result feed(struct str in, bool stuffed, bool normalise, size_t step)
{
	struct result r = { 0 };
	struct dots_in d;

	buf_init(&r.out, 1 << 20);
	dots_in_start(&d, stuffed, normalise);
	while (r.used < in.n && !r.ended) {
		size_t n = in.n - r.used < step ? in.n - r.used : step;
		char *copy = malloc(n);
		struct str piece = { copy, n };

		memcpy(copy, in.p + r.used, n);
		r.ended = dots_in_feed(&d, &piece, &r.out) == 1;
		assert_true(r.ended || piece.n == 0);
		r.used += n - piece.n;
		free(copy);
	}
	if (!stuffed)
		dots_in_finish(&d, &r.out);
	r.faults = d.faults;
	return r;
}

struct row {
	struct str in;
	bool ended;
	unsigned faults;
	const char *out, *normalised;
};

static void test_in(void **state)
{
	static const struct row rows[] = {
		{ { ".\r\n", 3 }, true, 0, "", "" },
		{ { "a\r\n.\r\n", 6 }, true, 0, "a\r\n", "a\r\n" },
		{ { "a\r\n..b\r\n.\r\n", 11 }, true, 0, "a\r\n.b\r\n", "a\r\n.b\r\n" },
		{ { "a\r\n..\r\n.\r\n", 10 }, true, 0, "a\r\n.\r\n", "a\r\n.\r\n" },
		{ { "a\r\n.b\r\n.\r\n", 10 }, true, 0, "a\r\nb\r\n", "a\r\nb\r\n" },
		{ { "\r\n\r\n.\r\n", 7 }, true, 0, "\r\n\r\n", "\r\n\r\n" },
		{ { "a\n.\nb\r\n.\r\n", 10 }, true, DOTS_BARE_LF, NULL, "a\r\n\r\nb\r\n" },
		{ { "a\n.\r\nb\r\n.\r\n", 11 }, true, DOTS_BARE_LF, NULL, "a\r\n\r\nb\r\n" },
		{ { "a\r\n.\nb\r\n.\r\n", 11 }, true, DOTS_BARE_LF, NULL, "a\r\n\r\nb\r\n" },
		{ { "a\r.\rb\r\n.\r\n", 10 }, true, DOTS_BARE_CR, NULL, "a . b\r\n" },
		{ { "a\r\n.\rb\r\n.\r\n", 11 }, true, DOTS_BARE_CR, NULL, "a\r\n b\r\n" },
		{ { "a\r\r\n.\r\r\nb\r\n.\r\n", 14 }, true, DOTS_BARE_CR, NULL, "a\r\n\r\nb\r\n" },
		{ { "a\r\n.\r", 5 }, false, 0, "a\r\n", "a\r\n" },
		{ { "a\r\n. \r\n.\r\n", 10 }, true, 0, "a\r\n \r\n", "a\r\n \r\n" },
		{ { "a\0b\r\n.\r\n", 8 }, true, DOTS_NUL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (size_t step = 1; step <= rows[i].in.n; step++) {
			for (int normalise = 0; normalise < 2; normalise++) {
				struct result r = feed(rows[i].in, true, normalise, step);
				const char *out = normalise ? rows[i].normalised : rows[i].out;

				assert_int_equal(r.ended, rows[i].ended);
				assert_true(!r.ended || r.used == rows[i].in.n);
				assert_int_equal(r.faults,
				    normalise ? rows[i].faults & DOTS_NUL : rows[i].faults);
				if (out != NULL)
					assert_string_equal(buf_cstr(&r.out), out);
				buf_clear(&r.out);
			}
		}
	}
}

static void test_chunks(void **state)
{
	struct result r;

	(void)state;
	r = feed(STR("a\r\n.\r\n..b"), false, false, 1);
	assert_int_equal(r.faults, 0);
	assert_string_equal(buf_cstr(&r.out), "a\r\n.\r\n..b\r\n");
	buf_clear(&r.out);
	r = feed(STR("a\r"), false, false, 1);
	assert_int_equal(r.faults, DOTS_BARE_CR);
	buf_clear(&r.out);
	r = feed(STR(""), false, false, 1);
	assert_int_equal(r.out.n, 0);
	buf_clear(&r.out);
}

/* Whatever goes out comes in again as it was, by any cut on both sides. */
static void test_round_trip(void **state)
{
	static const char alphabet[] = "\r\n..a";

	(void)state;
	srandom(7);
	for (int i = 0; i < 20000; i++) {
		char text[24], again[64];
		struct dots_out o;
		struct buf wire, clean;
		struct dots_in d;
		struct str in;
		size_t n = (size_t)random() % sizeof text;

		for (size_t k = 0; k < n; k++)
			text[k] = alphabet[(size_t)random() % (sizeof alphabet - 1)];
		buf_init(&wire, 256);
		buf_init(&clean, 256);
		dots_out_start(&o);
		for (size_t k = 0; k < n; k++)
			assert_int_equal(dots_out_feed(&o, str_bytes(text + k, 1), &wire), 0);
		assert_int_equal(dots_out_finish(&o, &wire), 0);
		in = buf_view(&wire);
		dots_in_start(&d, true, false);
		assert_int_equal(dots_in_feed(&d, &in, &clean), 1);
		assert_int_equal(in.n, 0);
		assert_int_equal(d.faults, 0);
		/* sending the clean text again gives the same bytes */
		memcpy(again, buf_cstr(&clean), clean.n);
		n = clean.n;
		buf_reset(&clean);
		dots_out_start(&o);
		assert_int_equal(dots_out_feed(&o, str_bytes(again, n), &clean), 0);
		assert_int_equal(dots_out_finish(&o, &clean), 0);
		assert_true(str_eq(buf_view(&clean), buf_view(&wire)));
		buf_clear(&wire);
		buf_clear(&clean);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
