/* What is told of connections: what is put comes out, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "proto/tls_result.h"

static int pass(const struct tls_result *r, struct tls_result *out)
{
	struct put w = put_start();
	struct get g;

	put_tls_result(&w, r);
	for (size_t n = 0; n < w.n; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_tls_result(&g, out), -1);
	}
	g = get_start(put_view(&w));
	return get_tls_result(&g, out);
}

static struct tls_result example(void)
{
	struct tls_result r = { .domain = STR("example.org"),
		.type = TLS_POLICY_TLSA,
		.failure = TLS_FAILED_TRUST,
		.base = STR("mx.example.org"),
		.strings = { STR("3 1 1 AB"), STR("2 1 1 CD") },
		.nstrings = 2,
		.host = STR("alias.example.org"),
		.reason = STR("why") };

	ip_parse(STR("192.0.2.1"), &r.ours);
	return r;
}

static void test_result(void **state)
{
	struct tls_result r = example(), p;

	(void)state;
	assert_int_equal(pass(&r, &p), 0);
	assert_true(str_eq(p.domain, r.domain) && str_eq(p.base, r.base) && str_eq(p.host, r.host));
	assert_true(p.type == r.type && p.failure == r.failure && str_eq(p.reason, r.reason));
	assert_true(p.nstrings == 2 && str_eq(p.strings[1], r.strings[1]));
	assert_true(ip_eq(&p.ours, &r.ours) && p.theirs.family == 0);
}

static void test_bad(void **state)
{
	struct tls_result r = example(), p;

	(void)state;
	r.type = TLS_POLICY_TYPES;
	assert_int_equal(pass(&r, &p), -1);
	r = example();
	r.failure = TLS_FAILURES;
	assert_int_equal(pass(&r, &p), -1);
	r = example();
	r.host = STR("a b");
	assert_int_equal(pass(&r, &p), -1);
	r = example();
	r.base = STR("a b");
	assert_int_equal(pass(&r, &p), -1);
	r = example();
	r.domain = STR_NONE;
	assert_int_equal(pass(&r, &p), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_result),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
