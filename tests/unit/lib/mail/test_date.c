/* Dates of header fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mail/date.h"

static void check(const char *zone, int64_t t, const char *expect)
{
	char text[DATE_TEXT];

	setenv("TZ", zone, 1);
	tzset();
	date_format(t, text);
	assert_string_equal(text, expect);
}

static void test_date(void **state)
{
	char text[DATE_TEXT];

	(void)state;
	check("UTC0", 0, "Thu, 1 Jan 1970 00:00:00 +0000");
	check("CET-1CEST,M3.5.0,M10.5.0/3", 1795446245, "Mon, 23 Nov 2026 16:04:05 +0100");
	check("CET-1CEST,M3.5.0,M10.5.0/3", 1783436645, "Tue, 7 Jul 2026 17:04:05 +0200");
	check("XXX3:30", 0, "Wed, 31 Dec 1969 20:30:00 -0330");
	date_format(INT64_MAX, text);
	assert_non_null(strstr(text, " 9999 "));
	date_format(INT64_MIN, text);
	assert_non_null(strstr(text, " 0000 "));
}

static void test_rfc3339(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds; /* -1 = malformed */
	} rows[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-11-23T15:04:05Z", 1795446245 },
		{ "2026-11-23t16:04:05.123+01:00", 1795446245 },
		{ "2026-11-23T10:34:05-04:30", 1795446245 },
		{ "2024-02-29T00:00:00z", 1709164800 },
		{ "2016-12-31T23:59:60Z", 1483228800 },
		{ "2023-02-29T00:00:00Z", -1 },
		{ "1900-02-29T00:00:00Z", -1 },
		{ "2026-11-31T00:00:00Z", -1 },
		{ "2026-00-01T00:00:00Z", -1 },
		{ "2026-01-00T00:00:00Z", -1 },
		{ "2026-13-01T00:00:00Z", -1 },
		{ "2026-11-23T24:00:00Z", -1 },
		{ "2026-11-23T15:04:05", -1 },
		{ "2026-11-23 15:04:05Z", -1 },
		{ "2026-11-23T15:04:05.Z", -1 },
		{ "2026-11-23T15:04:05+24:00", -1 },
		{ "2026-11-23T15:04:05Zx", -1 },
		{ "1970-01-01T00:00:00+00:01", -1 },
		{ "+026-11-23T15:04:05Z", -1 },
		{ "", -1 },
	};
	char text[DATE_TEXT];
	int64_t t;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int r = date_parse(str_of(rows[i].text), &t);

		if ((r == 0 ? t : -1) != rows[i].seconds)
			fail_msg("%s: %lld", rows[i].text, r == 0 ? (long long)t : -1);
		for (size_t n = 0; r == 0 && n < strlen(rows[i].text); n++)
			assert_int_equal(date_parse(str_bytes(rows[i].text, n), &t), -1);
	}
	date_format_utc(1795446245, text);
	assert_string_equal(text, "2026-11-23T15:04:05Z");
	date_format_utc(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59Z");
	date_format_utc(-1, text);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_date),
		cmocka_unit_test(test_rfc3339) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
