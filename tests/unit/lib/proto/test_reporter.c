/* The address of reports, and which domains answer for it. */
#include "proto/reporter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static void address(const char *host, const char *set, const char *expected)
{
	struct conf *c = conf_new();
	char out[REPORTER_MAX + 1];

	conf_set(c, NULL, "hostname", str_of(host), "t.conf", 1);
	conf_set(c, NULL, "tls_report_sender", str_of(set), "t.conf", 2);
	reporter_address(c, out);
	assert_string_equal(out, expected);
	conf_free(c);
}

static void test_address(void **state)
{
	(void)state;
	address("mx.example.org", "", "tls-reports@mx.example.org");
	address("mx.example.org", "a@b.test", "a@b.test");
	address("", "", "tls-reports@localhost");
}

static void test_domains(void **state)
{
	(void)state;
	assert_true(reporter_is_of("a@mx.example.org", STR("mx.example.org")));
	assert_true(reporter_is_of("a@mx.example.org", STR("Example.org")));
	assert_false(reporter_is_of("a@example.org", STR("mx.example.org")));
	assert_false(reporter_is_of("a@myexample.org", STR("example.org")));
	assert_false(reporter_is_of("\"x@example.org\"@other.org", STR("example.org")));
	assert_false(reporter_is_of("a@mx.example.org", STR("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_domains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
