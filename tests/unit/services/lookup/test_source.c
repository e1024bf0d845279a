/* From which pool of addresses mail goes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fixture.h"

static struct routes routes;

static void pools(const char *const *names)
{
	for (; *names != NULL; names++) {
		struct conf_section *s =
		    conf_add_section(conf, "source_pool", str_of(*names), "thurn.conf", 1);

		conf_set(conf, s, "sources", STR("any"), "thurn.conf", 1);
	}
}

/* The pool with a table of these lines alone; "" = none. */
static const char *pool(const char *lines, const char *sender, const char *rcpt, uint8_t lane)
{
	struct route_question q = { .sender = str_of(sender), .rcpt = str_of(rcpt), .lane = lane };
	struct run r;

	file("sources", lines);
	load();
	for (int i = 0; i < 20; i++) {
		r = new_run();
		route_answer(&r, &q, &routes);
		if (!run_waits(&r))
			break;
		no_more_accounts(&r);
	}
	assert_int_equal(routes.n, 1);
	return routes.first->transport == TRANSPORT_ERROR ? "error" : z(routes.first->pool);
}

static void test_keys(void **state)
{
	static const char *const names[] = { "p", "q", NULL };

	(void)state;
	pools(names);
	set("source_maps", "texthash:sources");
	assert_string_equal(pool("", "a@s.test", "x@sub.d.test", LANE_USER), "");
	assert_string_equal(pool("a@s.test p\n", "A@s.test", "x@sub.d.test", LANE_USER), "p");
	assert_string_equal(pool("@s.test p\n", "a@s.test", "x@sub.d.test", LANE_USER), "p");
	assert_string_equal(pool("<> p\n", "", "x@sub.d.test", LANE_BOUNCE), "p");
	assert_string_equal(pool("to:sub.d.test p\n", "a@s.test", "x@Sub.D.test", LANE_USER), "p");
	assert_string_equal(pool("to:.d.test p\n", "a@s.test", "x@sub.d.test", LANE_USER), "p");
	assert_string_equal(pool("to:.d.test p\n", "a@s.test", "x@d.test", LANE_USER), "");
	assert_string_equal(pool("lane:bulk p\n", "a@s.test", "x@d.test", LANE_BULK), "p");
	assert_string_equal(pool("lane:bulk p\n", "a@s.test", "x@d.test", LANE_USER), "");
	/* in that order; DUNNO ends the search */
	assert_string_equal(
	    pool("to:.test p\na@s.test q\n", "a@s.test", "x@d.test", LANE_USER), "p");
	assert_string_equal(
	    pool("lane:users p\na@s.test q\n", "a@s.test", "x@d.test", LANE_USER), "q");
	assert_string_equal(
	    pool("to:d.test DUNNO\na@s.test q\n", "a@s.test", "x@d.test", LANE_USER), "");
	/* what is not there must not become any other */
	assert_string_equal(pool("a@s.test r\n", "a@s.test", "x@d.test", LANE_USER), "error");
}

/* By SMTP alone, and what stands behind no rule goes by the default. */
static void test_which(void **state)
{
	static const char *const names[] = { "p", "q", NULL };

	(void)state;
	pools(names);
	set("source_maps", "texthash:sources");
	set("default_source_pool", "q");
	set("transport_maps", "inline:{l.test=lmtp:[127.0.0.1], e.test=error:no}");
	assert_string_equal(pool("a@s.test p\n", "a@s.test", "x@d.test", LANE_USER), "p");
	assert_string_equal(pool("a@s.test p\n", "b@s.test", "x@d.test", LANE_USER), "q");
	assert_true(str_starts(routes.first->pool_rule, STR("default_source_pool (thurn.conf:")));
	assert_string_equal(pool("a@s.test p\n", "a@s.test", "x@l.test", LANE_USER), "");
	assert_string_equal(pool("a@s.test p\n", "a@s.test", "x@e.test", LANE_USER), "error");
	set("default_source_pool", "r");
	refused("there is no such source_pool");
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_keys), T(test_which) };

	log_threshold(LEVEL_ERROR + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
