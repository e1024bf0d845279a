/* Marks of the header: what lanes may be decided by, however the header looks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "../../../smtpd/marks.h"

static void configure(const char *fields)
{
	struct conf *c = conf_new();
	struct str rest = str_of(fields), field;

	while (str_word(&rest, &field))
		conf_set(c, NULL, "lane_headers", field, "thurn.conf", 1);
	marks_configure(c);
	conf_free(c);
}

static void field(struct marks *m, const char *name, const char *value)
{
	marks_field(m, str_of(name));
	marks_value(m, str_of(value));
}

static void check(const struct marks *m, const char *text)
{
	assert_int_equal(marks_text(m).n, strlen(text));
	assert_true(str_eq(marks_text(m), str_of(text)));
}

static void test_marks(void **state)
{
	struct marks m = { 0 };

	(void)state;
	configure("Precedence List-Id X-Lane");
	check(&m, "");
	field(&m, "Subject", "bulk");
	check(&m, "");
	field(&m, "PRECEDENCE", " Bulk\r\n");
	marks_field(&m, STR("List-Id"));
	marks_value(&m, STR(" A List\r\n\t<"));
	marks_value(&m, STR("News.Example>\r\n"));
	/* the first of a name counts, and nothing in it can look like another */
	field(&m, "Precedence", "first-class");
	field(&m, "Received", "x");
	field(&m, "X-Lane", "\xc3\xa4 a \x01 login:bob");
	check(&m, "precedence:bulk list-id:alist<news.example> x-lane:alogin:bob");
}

static void test_bounds(void **state)
{
	char fields[1000] = "", name[100], value[1000];
	struct marks m = { 0 };

	(void)state;
	memset(value, 'v', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	for (int i = 0; i < LANE_HEADERS; i++)
		snprintf(fields + strlen(fields), sizeof fields - strlen(fields), "%s%039d%d",
		    i > 0 ? " " : "", 0, i);
	configure(fields);
	for (int i = 0; i < LANE_HEADERS; i++) {
		snprintf(name, sizeof name, "%039d%d", 0, i);
		field(&m, name, value);
		marks_value(&m, str_of(value));
	}
	assert_int_equal(marks_text(&m).n,
	    LANE_HEADERS * (LANE_HEADER_MAX + 1 + MARK_VALUE_MAX) + LANE_HEADERS - 1);
	configure("");
	m = (struct marks){ 0 };
	field(&m, "Precedence", "bulk");
	check(&m, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_marks),
		cmocka_unit_test(test_bounds) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
