/* Which section "reaction" a reply of a host fits, and what becomes of it. */
#include "../../../../deliver/remote/reaction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../deliver/remote/hop.h"
#include "mail/said.h"

static struct conf *conf;

static struct conf_section *section(const char *title, const char *reply)
{
	struct conf_section *s = conf_add_section(conf, "reaction", str_of(title), "t", 1);

	conf_set(conf, s, "reply", str_of(reply), "t", 2);
	return s;
}

static int setup(void **state)
{
	struct conf_section *s;

	(void)state;
	conf = conf_new();
	s = section("scoped", "/^421 .*\\[TS\\d+\\]/");
	conf_set(conf, s, "domains", STR("a.test"), "t", 3);
	conf_set(conf, s, "hosts", STR(".provider.test"), "t", 4);
	s = section("block", "/^5\\d\\d .*blocked/");
	conf_set(conf, s, "temporary", STR("yes"), "t", 5);
	section("noticed", "/^5\\d\\d .*noticed/");
	section("costly", "/^450 4.0.0 (a+)+$/");
	section("any", "/^4\\d\\d 4\\.7/");
	reaction_configure(conf);
	return 0;
}

static int teardown(void **state)
{
	struct conf *none = conf_new();

	(void)state;
	reaction_configure(none);
	conf_free(none);
	conf_free(conf);
	return 0;
}

struct expected {
	const char *nexthop, *relay;
	int code;
	const char *enhanced, *text, *rule;
	int becomes;
};

/* One after the other in one job: the first rule stays. */
static void run(const struct expected *e, size_t n)
{
	struct hop h = { 0 };
	struct job j = { .hop = &h };

	arena_init(&j.arena);
	for (size_t i = 0; i < n; i++) {
		struct status st;

		h.way.nexthop = str_of(e[i].nexthop);
		said_reply(&st, e[i].code, e[i].enhanced, e[i].text, "MAIL FROM command");
		if (!status_good(&st))
			reaction_note(&j, str_of(e[i].relay), &st, &st);
		assert_true(str_eq(j.reaction.rule, str_of(e[i].rule)));
		assert_int_equal(st.code, e[i].becomes);
		assert_int_equal(st.enhanced[0], '0' + e[i].becomes / 100);
	}
	arena_clear(&j.arena);
}

static void test_scope(void **state)
{
	static const struct expected rows[] = {
		{ "a.test", "mx.x[192.0.2.1]:25", 421, "4.0.0", "[TS03]", "scoped", 421 },
		{ "b.test", "mx.provider.test[192.0.2.1]:25", 421, "4.0.0", "[TS03]", "scoped",
		    421 },
		{ "b.test", "provider.test[192.0.2.1]:25", 421, "4.0.0", "[TS03]", "", 421 },
		{ "b.test", "mx.x[192.0.2.1]:25", 421, "4.7.0", "[TS03]", "any", 421 },
		{ "b.test", "mx.x[192.0.2.1]:25", 550, "5.7.1", "no", "", 550 },
		{ "b.test", "mx.x[192.0.2.1]:25", 554, "5.7.1", "you are BLOCKED", "block", 451 },
		{ "b.test", "mx.x[192.0.2.1]:25", 554, "5.7.1", "you are noticed", "noticed", 554 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		run(&rows[i], 1);
}

static void test_first_counts(void **state)
{
	static const struct expected rows[] = {
		{ "a.test", "m[::1]:25", 250, "2.0.0", "ok", "", 250 },
		{ "a.test", "m[::1]:25", 450, "4.7.1", "later", "any", 450 },
		{ "a.test", "m[::1]:25", 554, "5.7.1", "blocked", "any", 451 },
	};

	(void)state;
	run(rows, 3);
}

static void test_limit(void **state)
{
	static const struct expected rows[] = {
		{ "a.test", "m[::1]:25", 450, "4.0.0",
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (x)", "", 450 },
		/* nothing else of this job is looked at */
		{ "a.test", "m[::1]:25", 450, "4.7.1", "later", "", 450 },
	};

	(void)state;
	run(rows, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scope),
		cmocka_unit_test(test_first_counts),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
