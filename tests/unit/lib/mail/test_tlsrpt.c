/* Where domains want their reports: RFC 8460's own examples, and what is not by its grammar. */
#include "mail/tlsrpt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* places: with blanks between; NULL = malformed */
static void txt(const char *text, const char *places)
{
	char all[TLSRPT_PLACES * (TLSRPT_PLACE_MAX + 2)] = "";
	struct tlsrpt t = { 0 };

	tlsrpt_add(&t, str_of(text));
	assert_int_equal(t.found, 1);
	assert_int_equal(t.malformed, places == NULL);
	assert_int_equal(tlsrpt_why(&t) == NULL, places != NULL && places[0] != '\0');
	for (uint32_t i = 0; i < t.n; i++) {
		strcat(all, i > 0 ? " " : "");
		strcat(all, t.places[i]);
	}
	if (places != NULL)
		assert_string_equal(all, places);
}

static void test_records(void **state)
{
	(void)state;
	txt("v=TLSRPTv1;rua=mailto:reports@example.com", "mailto:reports@example.com");
	txt("v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt",
	    "https://reporting.example.com/v1/tlsrpt");
	txt("v=TLSRPTv1 ; rua=mailto:a@b.test , HTTPS://c.test/ ;",
	    "mailto:a@b.test HTTPS://c.test/");
	txt("v=TLSRPTv1;x.y=z;rua=mailto:a@b.test;", "mailto:a@b.test");
	txt("v=TLSRPTv1;rua=MAILTO:A@B.test,mailto:A@b.TEST", "mailto:A@b.test");
	txt("v=TLSRPTv1;rua=mailto:a%2bc@b.test", "mailto:a+c@b.test");
}

static void test_others(void **state)
{
	static const char *const others[] = { "", "v=TLSRPTv1", "v=TLSRPTv2;rua=mailto:a@b.test",
		" v=TLSRPTv1;rua=mailto:a@b.test", "v=tlsrptv1;rua=mailto:a@b.test",
		"v=spf1 -all" };
	struct tlsrpt t = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		tlsrpt_add(&t, str_of(others[i]));
	assert_int_equal(t.found, 0);
	assert_string_equal(tlsrpt_why(&t), "it has no record");
}

static void test_malformed(void **state)
{
	(void)state;
	txt("v=TLSRPTv1;", NULL);
	txt("v=TLSRPTv1;rua", NULL);
	txt("v=TLSRPTv1;x=y", NULL);
	txt("v=TLSRPTv1;;rua=mailto:a@b.test", NULL);
	txt("v=TLSRPTv1;rua=mailto:a@b.test;rua=mailto:c@d.test", NULL);
	txt("v=TLSRPTv1;r u a=mailto:a@b.test", NULL);
}

/* The record counts, the place does not. */
static void test_bad_places(void **state)
{
	static char text[TLSRPT_PLACE_MAX + 64];

	(void)state;
	txt("v=TLSRPTv1;rua=", "");
	txt("v=TLSRPTv1;rua=ftp://a.test/,http://b.test/,mailto:,mailto:a,mailto:@b.test", "");
	txt("v=TLSRPTv1;rua=mailto:a@b.test?cc=c@d.test,mailto:a@b.test,", "mailto:a@b.test");
	txt("v=TLSRPTv1;rua=mailto:a%0d%0aTo:x@b.test,mailto:a%20@b.test,mailto:a%@b.test,mailto:a%"
	    "4",
	    "");
	txt("v=TLSRPTv1;rua=mailto:\xc3\xa4@b.test,mailto:%c3%a4@b.test,https://a.test/ b", "");
	txt("v=TLSRPTv1;rua=mailto:1@a.test,mailto:2@a.test,mailto:3@a.test,mailto:4@a.test,mailto:"
	    "5@a.test",
	    "mailto:1@a.test mailto:2@a.test mailto:3@a.test mailto:4@a.test");
	snprintf(text, sizeof text, "v=TLSRPTv1;rua=https://%0*d", TLSRPT_PLACE_MAX, 0);
	txt(text, "");
}

static bool has(const char *first, const char *second, const char *address)
{
	struct tlsrpt t = { 0 };

	tlsrpt_add(&t, str_of(first));
	tlsrpt_add(&t, str_of(second));
	return tlsrpt_has_mail(&t, str_of(address));
}

/* Who gets one by mail: nobody but those that a good record names, when it is the only one. */
static void test_who_has_mail(void **state)
{
	static const char good[] = "v=TLSRPTv1;rua=mailto:a@b.test,https://c.test/,mailto:d@E.test";

	(void)state;
	assert_true(has("v=spf1 -all", good, "a@b.test"));
	assert_true(has(good, "", "d@e.test"));
	assert_false(has(good, "", "A@b.test"));
	assert_false(has(good, "", "a@b.tes"));
	assert_false(has(good, "", "a@b.test "));
	assert_false(has(good, "", "//c.test/"));
	assert_false(has(good, "", ""));
	assert_false(has(good, good, "a@b.test"));
	assert_false(has("v=TLSRPTv1;rua=mailto:a@b.test;=", "", "a@b.test"));
	assert_false(has("rua=mailto:a@b.test", "", "a@b.test"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_bad_places),
		cmocka_unit_test(test_who_has_mail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
