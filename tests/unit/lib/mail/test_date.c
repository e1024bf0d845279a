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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_date) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
