/* Encodings and charsets, as searching needs them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "mail/mime_decode.h"

static void check(enum mime_encoding e, const char *in, const char *want)
{
	/* in any cuts */
	for (size_t step = 1; step < 6; step++) {
		struct mime_decoder d;
		struct buf b;
		struct str rest = str_of(in);

		buf_init(&b, 1000);
		mime_decode_init(&d, e);
		for (; rest.n > 0; rest = str_skip(rest, step))
			mime_decode(&d, str_take(rest, step), &b);
		assert_string_equal(buf_cstr(&b), want);
		buf_clear(&b);
	}
}

static void encodings(void **state)
{
	(void)state;
	check(MIME_BASE64, "aGVs\r\nbG8=", "hello");
	check(MIME_BASE64, "a!G?V s b G 8", "hello");
	check(MIME_BASE64, "aGk=aGk=", "hi");
	check(MIME_QP, "a=3Db=\r\nc=\nd =zz=e9", "a=bcd =zz\xe9");
	check(MIME_QP, "end=", "end");
	check(MIME_IDENTITY, "a=3D", "a=3D");
	assert_int_equal(mime_encoding_find(STR("Base64")), MIME_BASE64);
	assert_int_equal(mime_encoding_find(STR("x-uu")), MIME_IDENTITY);
}

static void words(void **state)
{
	static const char *const rows[][2] = { { "=?utf-8?q?a_b=C3=A9?=", "a b\xc3\xa9" },
		{ "x =?iso-8859-1?Q?=e9?= y", "x \xc3\xa9 y" },
		{ "=?koi8-r?b?8NLJ18XU?=", "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82" },
		{ "=?utf-8?q?a?= \r\n =?utf-8*en?q?b?= c", "ab c" },
		{ "=?windows-1252?q?=80?=", "\xe2\x82\xac" }, { "=?x-unknown?q?a?=", "a" },
		{ "=?utf-8?x?a?=", "=?utf-8?x?a?=" }, { "=?utf-8?q?open", "=?utf-8?q?open" },
		{ "=?", "=?" },
		{ "=?"
		  "?q?"
		  "?=",
		    "=?"
		    "?q?"
		    "?=" } };
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		buf_reset(&b);
		mime_decode_words(str_of(rows[i][0]), &b);
		assert_string_equal(buf_cstr(&b), rows[i][1]);
	}
	buf_clear(&b);
}

static void folding(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(utf8_fold(STR("A\xc3\x89\xff\xd0\x9f"), &b), 6);
	assert_string_equal(buf_cstr(&b), "a\xc3\xa9\xff\xd0\xbf");
	buf_reset(&b);
	assert_int_equal(utf8_fold(STR("ab\xe2\x82"), &b), 2);
	buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodings),
		cmocka_unit_test(words),
		cmocka_unit_test(folding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
