/* Base64: what is encoded comes back, and nothing that is not strictly right does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/base64.h"

static const struct {
	struct str bytes;
	const char *text, *url;
} rows[] = {
	{ { "", 0 }, "", "" },
	{ { "a", 1 }, "YQ==", "YQ" },
	{ { "ab", 2 }, "YWI=", "YWI" },
	{ { "abc", 3 }, "YWJj", "YWJj" },
	{ { "abcd", 4 }, "YWJjZA==", "YWJjZA" },
	{ { "\xfb\xff\xbf", 3 }, "+/+/", "-_-_" },
	{ { "\0\0", 2 }, "AAA=", "AAA" },
};

static void assert_decodes(ssize_t (*fn)(struct str, char *), const char *text, struct str want)
{
	char out[64], same[64];
	ssize_t n = fn(str_of(text), out);

	assert_int_equal(n, want.n);
	assert_memory_equal(out, want.p, want.n);
	memcpy(same, text, strlen(text)); /* in place */
	assert_int_equal(fn(str_bytes(same, strlen(text)), same), want.n);
	assert_memory_equal(same, want.p, want.n);
}

static void test_both_ways(void **state)
{
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t n = base64_encode(rows[i].bytes, out);

		assert_int_equal(n, strlen(rows[i].text));
		assert_int_equal(n, BASE64_SIZE(rows[i].bytes.n));
		assert_memory_equal(out, rows[i].text, n);
		assert_decodes(base64_decode, rows[i].text, rows[i].bytes);
		assert_decodes(base64url_decode, rows[i].url, rows[i].bytes);
	}
}

static void test_bad(void **state)
{
	static const char *const bad[] = { "Y", "YQ",
		"YQ=", "YQ===", "====", "=YQ=", "YR==", "YWJ=", "Y Q=", "YQ==YQ==", "YQ=\n", "*",
		"-_-_" };
	static const char *const bad_url[] = { "Y", "YQ==", "YQ=", "YR", "YWJ", "+/+/", "YWJjZ" };
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (base64_decode(str_of(bad[i]), out) != -1)
			fail_msg("%s", bad[i]);
	for (size_t i = 0; i < sizeof bad_url / sizeof *bad_url; i++)
		if (base64url_decode(str_of(bad_url[i]), out) != -1)
			fail_msg("%s", bad_url[i]);
	assert_int_equal(base64_decode(STR("Y\0Q="), out), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
