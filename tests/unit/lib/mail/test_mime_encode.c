/* Quoted-printable and encoded words: read again, they are what was written. */
#include "mail/mime_encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mail/mime_decode.h"

static struct buf out, again, back;

static void lines_are_short(size_t column)
{
	struct str rest = buf_view(&out), line;

	while (str_cut(&rest, '\n', &line)) {
		assert_true(column + str_trim(line).n <= 76);
		column = 0;
	}
}

static void qp(const char *text, const char *want)
{
	struct mime_decoder d;

	buf_reset(&out);
	buf_reset(&back);
	/* in pieces of every size */
	for (size_t step = 1; step < 80; step += 3) {
		struct str rest = str_of(text);
		struct mime_encoder e;

		buf_reset(&again);
		mime_encode_start(&e, MIME_QP);
		for (; rest.n > 0; rest = str_skip(rest, step < rest.n ? step : rest.n))
			mime_encode(&e, str_take(rest, step < rest.n ? step : rest.n), &again);
		mime_encode_finish(&e, &again);
		if (step > 1)
			assert_string_equal(buf_cstr(&again), buf_cstr(&out));
		else
			buf_str(&out, buf_view(&again));
	}
	if (want != NULL)
		assert_string_equal(buf_cstr(&out), want);
	lines_are_short(0);
	mime_decode_init(&d, MIME_QP);
	mime_decode(&d, buf_view(&out), &back);
	assert_string_equal(buf_cstr(&back), text);
}

static void test_qp(void **state)
{
	char line[200];

	(void)state;
	qp("", "");
	qp("a = b\r\n", "a =3D b\r\n");
	qp("caf\xc3\xa9", "caf=C3=A9");
	qp("blank \r\n\r\ntab\t\r\n", "blank=20\r\n\r\ntab=09\r\n");
	qp("a\rb\nc\x7f", "a=0Db=0Ac=7F");
	for (size_t n = 70; n < 160; n++) {
		memset(line, 'x', n);
		line[n] = '\0';
		qp(line, n <= 76 ? line : NULL);
		line[n - 1] = (char)0xe9;
		qp(line, NULL);
		strcpy(line + n - 1, " \r\n");
		qp(line, NULL);
	}
}

static void test_base64(void **state)
{
	struct mime_encoder e;
	struct mime_decoder d;
	char text[200];

	(void)state;
	for (size_t n = 0; n < sizeof text; n++) {
		text[n] = (char)(n * 7);
		buf_reset(&out);
		buf_reset(&back);
		mime_encode_start(&e, MIME_BASE64);
		mime_encode(&e, str_bytes(text, n / 3), &out);
		mime_encode(&e, str_bytes(text + n / 3, n - n / 3), &out);
		mime_encode_finish(&e, &out);
		lines_are_short(0);
		mime_decode_init(&d, MIME_BASE64);
		mime_decode(&d, buf_view(&out), &back);
		assert_true(str_eq(buf_view(&back), str_bytes(text, n)));
	}
}

/* Lines of 76 characters, as long as they may be, and none is begun before something is in it. */
static void test_base64_lines(void **state)
{
	struct mime_encoder e;
	char text[57 + 57 + 1] = { 0 };
	struct str line, rest;

	(void)state;
	for (size_t n = 57; n <= sizeof text; n += 29) {
		buf_reset(&out);
		mime_encode_start(&e, MIME_BASE64);
		mime_encode(&e, str_bytes(text, n), &out);
		mime_encode_finish(&e, &out);
		rest = buf_view(&out);
		for (size_t left = n; left > 57; left -= 57) {
			assert_true(str_cut(&rest, '\n', &line));
			assert_int_equal(line.n, 77); /* with the CR */
		}
		assert_int_equal(str_find(rest, '\r'), -1);
		assert_true(rest.n > 0);
	}
}

static void words(const char *text, size_t column, const char *want)
{
	buf_reset(&out);
	buf_reset(&back);
	mime_encode_words(&out, str_of(text), column);
	if (want != NULL)
		assert_string_equal(buf_cstr(&out), want);
	lines_are_short(column);
	mime_decode_words(buf_view(&out), &back);
	/* where there was no room before it, it begins with a fold */
	assert_true(str_eq(str_trim(buf_view(&back)), str_of(text)));
}

static void test_words(void **state)
{
	char text[300] = "";

	(void)state;
	words("plain", 9, "plain");
	words("caf\xc3\xa9", 9, "=?UTF-8?B?Y2Fmw6k=?=");
	for (size_t n = 0; n < 70; n++) {
		strcat(text, n % 3 == 0 ? "\xf0\x9f\x93\xa7" : "\xc3\xbc");
		words(text, n, NULL);
	}
}

static int set_up(void **state)
{
	(void)state;
	buf_init(&out, 4096);
	buf_init(&back, 4096);
	buf_init(&again, 4096);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	buf_clear(&out);
	buf_clear(&back);
	buf_clear(&again);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_qp),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_lines),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
