/* What was said about a job: bounded, printable, its beginning and its end kept. */
#include "../../../../deliver/remote/transcript.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/deliver.h"

static void test_lines(void **state)
{
	struct transcript t;

	(void)state;
	transcript_init(&t);
	transcript_add(&t, TRANSCRIPT_HEARD, STR("220 a\033[2J\tb \xe9"));
	transcript_add(&t, TRANSCRIPT_SAID, STR("EHLO x\r\n"));
	transcript_note(&t, "%d bytes", 5);
	assert_non_null(strstr(buf_cstr(&t.text), " < 220 a?[2J?b ?\n"));
	assert_non_null(strstr(buf_cstr(&t.text), " > EHLO x\n"));
	assert_non_null(strstr(buf_cstr(&t.text), " * 5 bytes\n"));
	transcript_clear(&t);
}

/* However long the lines are and however many come. */
static void test_bounds(void **state)
{
	static char line[8192];

	(void)state;
	memset(line, 'x', sizeof line);
	for (size_t length = 0; length < 1000; length += 7) {
		struct transcript t;
		const char *text, *cut;

		transcript_init(&t);
		transcript_note(&t, "first");
		for (int i = 0; i < 1000; i++) {
			transcript_add(&t, TRANSCRIPT_SAID, str_bytes(line, length));
			assert_true(t.text.n <= TRANSCRIPT_MAX && !t.text.full);
		}
		transcript_note(&t, "last");
		text = buf_cstr(&t.text);
		assert_memory_equal(text + 5, " * first\n", 9);
		assert_string_equal(text + t.text.n - 8, " * last\n");
		cut = strstr(text, "      ...\n");
		assert_non_null(cut);
		assert_null(strstr(cut + 9, "..."));
		assert_true(t.text.n > TRANSCRIPT_MAX - 500);
		transcript_clear(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
