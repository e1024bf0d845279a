/* Which section "destination" fits, beside a search that looks at all of them. */
#include "../../../queue/sections.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/scope.h"

enum { SECTIONS = 60, QUESTIONS = 20000 };

static struct conf *conf;

static void add(const char *title, const char *list, const char *item)
{
	struct conf_section *s = NULL;
	size_t n = 0;

	while (
	    (s = conf_section_to_set(conf, n)) != NULL && !str_eq(section_title(s), str_of(title)))
		n++;
	if (s == NULL)
		s = conf_add_section(conf, "destination", str_of(title), "thurn.conf", 1);
	conf_set(conf, s, list, str_of(item), "thurn.conf", 1);
}

static ssize_t find(const char *name, const char *a, const char *b)
{
	struct mail_host hosts[2] = { { .name = str_of(a) }, { .name = str_of(b) } };
	struct mail_reply m = { .hosts = hosts, .nhosts = a[0] == '\0' ? 0 : b[0] == '\0' ? 1 : 2 };

	return sections_find(str_of(name), &m);
}

static void test_first(void **state)
{
	(void)state;
	conf = conf_new();
	sections_load(conf);
	assert_int_equal(sections_find(STR("a.test"), NULL), -1);
	add("one", "domains", "a.test");
	add("one", "domains", ".b.test");
	conf_add_section(conf, "reaction", STR("other"), "thurn.conf", 1);
	add("two", "hosts", ".mx.test");
	add("two", "hosts", "relay.test");
	add("two", "domains", "sub.b.test");
	add("rest", "domains", ".test");
	sections_load(conf);
	assert_true(sections_at(2) != NULL && sections_at(3) == NULL);
	assert_true(str_eq(section_title(sections_at(1)), STR("two")));
	assert_int_equal(find("A.test", "", ""), 0);
	assert_int_equal(find("sub.b.test", "", ""), 0); /* the first one */
	assert_int_equal(find("b.test", "", ""), 2);
	assert_int_equal(find("x.a.test", "", ""), 2);
	assert_int_equal(find("test", "", ""), -1);
	assert_int_equal(find("", "", ""), -1);
	/* by its hosts, if the section has all of them */
	assert_int_equal(find("x.org", "a.MX.test", "relay.test"), 1);
	assert_int_equal(find("x.org", "a.mx.test", "mine.org"), -1);
	assert_int_equal(find("x.org", "mine.org", "a.mx.test"), -1);
	assert_int_equal(find("x.test", "a.mx.test", ""), 1);
	assert_int_equal(find("a.test", "a.mx.test", ""), 0);
	add("all", "hosts", "*");
	sections_load(conf);
	assert_int_equal(find("x.org", "mine.org", "a.mx.test"), 3);
	assert_int_equal(sections_find(STR("x.org"), NULL), -1);
	conf_free(conf);
}

static const char *some_name(char out[40], bool pattern)
{
	static const char *const labels[] = { "a", "b", "C", "dd" };
	int n = 0, parts = rand() % 3 + 1;

	if (pattern && rand() % 20 == 0)
		return "*";
	if (pattern && rand() % 2 == 0)
		out[n++] = '.';
	for (int i = 0; i < parts; i++)
		n +=
		    snprintf(out + n, 40 - (size_t)n, "%s%s", i > 0 ? "." : "", labels[rand() % 4]);
	return out;
}

static ssize_t by_search(struct str name, const struct mail_reply *m)
{
	const struct conf_section *s;

	for (size_t i = 0; (s = sections_at(i)) != NULL; i++) {
		uint32_t fit = 0;

		while (fit < m->nhosts && scope_lists(s, "hosts", m->hosts[fit].name))
			fit++;
		if (scope_lists(s, "domains", name) || (m->nhosts > 0 && fit == m->nhosts))
			return (ssize_t)i;
	}
	return -1;
}

static void test_as_by_search(void **state)
{
	char text[3][40], title[20];
	unsigned found = 0;

	(void)state;
	srand(1);
	for (int round = 0; round < 20; round++) {
		conf = conf_new();
		for (int i = 0; i < SECTIONS; i++) {
			snprintf(title, sizeof title, "s%d", rand() % SECTIONS);
			add(title, rand() % 2 == 0 ? "hosts" : "domains", some_name(text[0], true));
		}
		sections_load(conf);
		for (int i = 0; i < QUESTIONS / 20; i++) {
			struct str name = str_of(some_name(text[0], false));
			struct mail_host hosts[2] = { { .name = str_of(some_name(text[1], false)) },
				{ .name = str_of(some_name(text[2], false)) } };
			struct mail_reply m = { .hosts = hosts, .nhosts = (uint32_t)(rand() % 3) };

			assert_int_equal(sections_find(name, &m), by_search(name, &m));
			found += sections_find(name, &m) != -1;
		}
		conf_free(conf);
	}
	assert_true(found > QUESTIONS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_first),
		cmocka_unit_test(test_as_by_search) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
