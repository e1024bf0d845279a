/* The messages of services/lookup: what is put comes out, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "proto/lookup.h"

static void test_access(void **state)
{
	struct access_question q = { 7, STR("mx"), STR("192.0.2.1"), STR("helo.example.org"),
		STR("login"), STR("a@example.org"), STR("b@example.org"), true },
			       p;
	struct access_answer a = { .rule = STR("cidr:clients:3"), .relay = true }, b;
	struct put w = put_start();
	struct get g;

	(void)state;
	put_access_question(&w, &q);
	for (size_t n = 0; n <= w.n + 1; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_access_question(&g, &p), n == w.n ? 0 : -1);
	}
	g = get_start(put_view(&w));
	assert_int_equal(get_access_question(&g, &p), 0);
	assert_int_equal(p.trace, 7);
	assert_true(
	    str_eq(p.listener, q.listener) && str_eq(p.client, q.client) && str_eq(p.helo, q.helo));
	assert_true(
	    str_eq(p.login, q.login) && str_eq(p.sender, q.sender) && str_eq(p.rcpt, q.rcpt));
	assert_true(p.trusted);

	status_set(&a.status, 550, "5.1.1", "unknown");
	w = put_start();
	put_access_answer(&w, &a);
	for (size_t n = 0; n <= w.n + 1; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_access_answer(&g, &b), n == w.n ? 0 : -1);
	}
	g = get_start(put_view(&w));
	assert_int_equal(get_access_answer(&g, &b), 0);
	assert_int_equal(b.status.code, 550);
	assert_true(str_eq(b.rule, a.rule) && b.relay);
}

static void test_route(void **state)
{
	struct route routes[2] = { { .transport = TRANSPORT_MAILDIR,
				       .addr = STR("a@example.org"),
				       .owner = STR("owner-l@example.org"),
				       .home = STR("example.org/a"),
				       .folder = STR("Lists"),
				       .uid = 3000000000,
				       .gid = 5,
				       .rule = STR("account") },
		{ .transport = TRANSPORT_ERROR,
		    .addr = STR("b@example.org"),
		    .pool = STR("bulk"),
		    .pool_rule = STR("hash:sources(x)"),
		    .way = STR("any\0bytes") } };
	struct route_answer r = { .more = true, .expanded = true, .routes = routes, .nroutes = 2 },
			    s;
	struct route_question q = { 9, STR_NONE, STR("a@example.org") }, p;
	struct arena arena;
	struct put w;
	struct get g;

	(void)state;
	arena_init(&arena);
	status_set(&routes[1].status, 451, "4.3.0", "later");
	w = put_start();
	put_route_answer(&w, &r);
	for (size_t n = 0; n <= w.n + 1; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_route_answer(&g, &arena, &s), n == w.n ? 0 : -1);
	}
	g = get_start(put_view(&w));
	assert_int_equal(get_route_answer(&g, &arena, &s), 0);
	assert_true(s.more && s.expanded && s.nroutes == 2);
	assert_int_equal(s.routes[0].uid, 3000000000);
	assert_true(str_eq(s.routes[1].way, routes[1].way) &&
		    str_eq(s.routes[1].pool, routes[1].pool) &&
		    str_eq(s.routes[1].pool_rule, routes[1].pool_rule) && s.routes[0].pool.n == 0);
	assert_true(str_eq(s.routes[0].home, routes[0].home) &&
		    str_eq(s.routes[0].folder, routes[0].folder));
	assert_true(str_eq(s.routes[0].owner, routes[0].owner));
	assert_int_equal(s.routes[1].status.code, 451);

	w = put_start();
	put_route_question(&w, &q);
	g = get_start(put_view(&w));
	assert_int_equal(get_route_question(&g, &p), 0);
	assert_true(str_eq(p.rcpt, q.rcpt) && p.sender.n == 0);
	arena_clear(&arena);
}

static void test_lane(void **state)
{
	const struct lane_question q = { 7, STR("a@example.org"), STR("login"), STR("mx"),
		STR("precedence:bulk") };
	struct lane_answer a = { .lane = LANE_BULK, .rule = STR("hash:lanes(x)") }, b;
	struct lane_question p;
	struct put w = put_start();
	struct get g;

	(void)state;
	put_lane_question(&w, &q);
	g = get_start(put_view(&w));
	assert_int_equal(get_lane_question(&g, &p), 0);
	assert_true(p.trace == 7 && str_eq(p.sender, q.sender) && str_eq(p.login, q.login) &&
		    str_eq(p.listener, q.listener) && str_eq(p.marks, q.marks));
	w = put_start();
	put_lane_answer(&w, &a);
	g = get_start(put_view(&w));
	assert_int_equal(get_lane_answer(&g, &b), 0);
	assert_true(!b.failed && b.lane == LANE_BULK && str_eq(b.rule, a.rule));
	a.lane = LANES + 1;
	w = put_start();
	put_lane_answer(&w, &a);
	g = get_start(put_view(&w));
	assert_int_equal(get_lane_answer(&g, &b), -1);
}

/* What would lead a delivery elsewhere, or an error without a status, is malformed. */
static void test_hostile(void **state)
{
	struct route wrong[] = { { .transport = TRANSPORT_MAILDIR, .home = STR("a/../b") },
		{ .transport = TRANSPORT_MAILDIR, .home = STR("/etc") },
		{ .transport = TRANSPORT_MAILDIR }, { .transport = TRANSPORT_MAX },
		{ .transport = TRANSPORT_ERROR },
		{ .transport = TRANSPORT_SMTP, .nexthop = STR("a\nb") } };
	struct arena arena;
	struct put w;
	struct get g;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct route r;

		w = put_start();
		put_route(&w, &wrong[i]);
		g = get_start(put_view(&w));
		assert_int_equal(get_route(&g, &arena, &r), -1);
	}
	w = put_start();
	put_u8(&w, 0);
	put_u8(&w, 0);
	put_u32(&w, UINT32_MAX);
	g = get_start(put_view(&w));
	struct route_answer huge;
	assert_int_equal(get_route_answer(&g, &arena, &huge), -1);
	arena_clear(&arena);
}

static void test_steps(void **state)
{
	static struct lookup_step steps[LOOKUP_STEPS_MAX];
	struct lookup_step *out;
	static char text[600];
	struct arena a;
	struct put w;
	struct get g;
	uint32_t n;
	bool more;

	(void)state;
	arena_init(&a);
	steps[0] = (struct lookup_step){ .found = true,
		.setting = STR("transport_maps"),
		.key = STR("example.org"),
		.rule = STR("hash:t:3"),
		.value = STR("smtp:[a]") };
	steps[1] = (struct lookup_step){ .failed = true,
		.setting = STR("alias_maps"),
		.key = STR("x\ny"),
		.rule = STR("hash:a"),
		.value = STR("gone") };
	w = put_start();
	put_lookup_steps(&w, steps, 2, false);
	for (size_t i = 0; i <= w.n + 1; i++) {
		g = get_start(str_bytes(w.p, i));
		assert_int_equal(get_lookup_steps(&g, &a, &out, &n, &more), i == w.n ? 0 : -1);
	}
	g = get_start(put_view(&w));
	assert_int_equal(get_lookup_steps(&g, &a, &out, &n, &more), 0);
	assert_true(n == 2 && !more && out[0].found && out[1].failed);
	assert_true(str_eq(out[0].rule, steps[0].rule) && str_eq(out[1].key, steps[1].key));
	/* what does not fit is left out, and that is said */
	memset(text, 'x', sizeof text);
	for (uint32_t i = 0; i < LOOKUP_STEPS_MAX; i++)
		steps[i] = (struct lookup_step){ .setting = STR("alias_maps"),
			.key = str_bytes(text, sizeof text),
			.rule = STR("r"),
			.value = STR("v") };
	w = put_start();
	put_lookup_steps(&w, steps, LOOKUP_STEPS_MAX, false);
	assert_false(w.bad);
	g = get_start(put_view(&w));
	assert_int_equal(get_lookup_steps(&g, &a, &out, &n, &more), 0);
	assert_true(more && n > 80 && n < LOOKUP_STEPS_MAX);
	arena_clear(&a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_access),
		cmocka_unit_test(test_route), cmocka_unit_test(test_steps),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_lane) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
