/* The texts of MTA-STS: RFC 8461's own examples, and what is not by its grammar. */
#include "../../../../services/policy/sts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HEAD "version: STSv1\nmode: enforce\n"

static void txt(const char *text, int result, const char *id)
{
	struct str got;

	assert_int_equal(sts_record(str_of(text), &got), result);
	if (result == 1)
		assert_true(str_eq(got, str_of(id)));
}

static void test_records(void **state)
{
	(void)state;
	txt("v=STSv1; id=20160831085700Z;", 1, "20160831085700Z");
	txt("v=STSv1;id=1", 1, "1");
	txt("v=STSv1 ; id=1 ;", 1, "1");
	txt("v=STSv1; id=12345678901234567890123456789012;", 1, "12345678901234567890123456789012");
	txt("v=STSv1; x.y=abc; id=1", 1, "1");
	/* something else */
	txt("", 0, NULL);
	txt("v=STSv1", 0, NULL);
	txt(" v=STSv1; id=1", 0, NULL);
	txt("v=STSv2; id=1", 0, NULL);
	txt("v=stsv1; id=1", 0, NULL);
	txt("v=spf1 -all", 0, NULL);
	/* malformed */
	txt("v=STSv1;", -1, NULL);
	txt("v=STSv1; id=", -1, NULL);
	txt("v=STSv1; id=a-b", -1, NULL);
	txt("v=STSv1; id=123456789012345678901234567890123", -1, NULL);
	txt("v=STSv1; id=1; id=2", -1, NULL);
	txt("v=STSv1; id=1;; x=y", -1, NULL);
	txt("v=STSv1; id", -1, NULL);
	txt("v=STSv1; id=1; x=a b", -1, NULL);
	txt("v=STSv1; x=y", -1, NULL);
}

static int parse(const char *text, struct sts_policy *p)
{
	const char *why = NULL;
	int r = sts_parse(str_of(text), p, &why);

	assert_true(r == 0 || why != NULL);
	return r;
}

static void test_policies(void **state)
{
	static const char *const bad[] = {
		"",
		"version: STSv1\n",
		HEAD "mx: a.test\n", /* no max_age */
		HEAD "max_age: 1\n", /* no host */
		"version: STSv1\nmx: a.test\nmax_age: 1\n",
		"mode: enforce\nmx: a.test\nmax_age: 1\n",
		"version: STSv2\nmode: enforce\nmx: a.test\nmax_age: 1\n",
		"version: STSv1\nmode: strict\nmx: a.test\nmax_age: 1\n",
		HEAD "mx: a.test\nmax_age: -1\n",
		HEAD "mx: a.test\nmax_age: 1d\n",
		HEAD "mx: a.test\nmax_age: 12345678901\n",
		HEAD "mx: a.test\nmax_age:\n",
		HEAD "mx: \nmax_age: 1\n",
		HEAD "mx: *\nmax_age: 1\n",
		HEAD "mx: a.*.test\nmax_age: 1\n",
		HEAD "mx: *.*.test\nmax_age: 1\n",
		HEAD "mx: .a.test\nmax_age: 1\n",
		HEAD "mx: a b\nmax_age: 1\n",
		HEAD "mx: a.test\nmax_age: 1\nnonsense\n",
		HEAD "mx: a.test\nmax_age: 1\n: x\n",
		HEAD "mx: a.test\rmax_age: 1\n",
		HEAD "mx: a.test\nmax_age: 1\nx: \a\n",
	};
	struct sts_policy p;

	(void)state;
	assert_int_equal(parse("version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\n"
			       "mx: *.example.net\r\nmx: backupmx.example.com\r\nmax_age: 604800\r\n",
			     &p),
	    0);
	assert_true(p.mode == STS_ENFORCE && p.max_age == 604800 && p.nhosts == 3);
	assert_int_equal(parse("version:STSv1\n\nmode :testing \nmx:a.test\nmax_age: 9999999999", &p), 0);
	assert_true(p.mode == STS_TESTING && p.max_age == STS_AGE_MAX && p.nhosts == 1);
	assert_int_equal(parse("version: STSv1\nmode: none\nmax_age: 0\nother: \xc3\xa4\n", &p), 0);
	assert_true(p.mode == STS_NONE && p.max_age == 0 && p.nhosts == 0);
	/* of what is said twice the first counts */
	assert_int_equal(parse(HEAD "mode: none\nmax_age: 5\nmax_age: 6\nmx: a.test\n", &p), 0);
	assert_true(p.mode == STS_ENFORCE && p.max_age == 5);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(parse(bad[i], &p), -1);
}

static void test_names(void **state)
{
	struct str text = STR(HEAD "mx: mail.example.com\r\nmx: *.Example.net\nmax_age: 1\n");

	(void)state;
	assert_true(sts_names(text, STR("mail.example.com")));
	assert_true(sts_names(text, STR("MAIL.example.com")));
	assert_true(sts_names(text, STR("mx1.example.net")));
	assert_false(sts_names(text, STR("example.net")));
	assert_false(sts_names(text, STR("a.b.example.net")));
	assert_false(sts_names(text, STR(".example.net")));
	assert_false(sts_names(text, STR("x.mail.example.com")));
	assert_false(sts_names(text, STR("example.com")));
	assert_false(sts_names(text, STR("")));
}

static void test_too_many_hosts(void **state)
{
	static char text[64 + (STS_HOSTS_MAX + 1) * 8] = HEAD "max_age: 1\n";
	struct sts_policy p;

	(void)state;
	for (int i = 0; i < STS_HOSTS_MAX; i++)
		strncat(text, "mx: a\n", 7);
	assert_int_equal(parse(text, &p), 0);
	strncat(text, "mx: a\n", 7);
	assert_int_equal(parse(text, &p), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_too_many_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
