/* The messages of services/policy: what is put comes out, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "proto/policy.h"

static int question(const struct policy_question *q, struct policy_question *out)
{
	struct put w = put_start();
	struct get g;

	put_policy_question(&w, q);
	for (size_t n = 0; n < w.n; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_policy_question(&g, out), -1);
	}
	g = get_start(put_view(&w));
	return get_policy_question(&g, out);
}

static void test_question(void **state)
{
	struct policy_question q = { 7, STR("example.test"), STR("mx.example.test") }, p;

	(void)state;
	assert_int_equal(question(&q, &p), 0);
	assert_true(p.trace == 7 && str_eq(p.domain, q.domain) && str_eq(p.host, q.host));
	q.domain = STR("a b");
	assert_int_equal(question(&q, &p), -1);
	q = (struct policy_question){ 7, STR("a"), STR("") };
	assert_int_equal(question(&q, &p), -1);
}

static void test_reply(void **state)
{
	struct policy_reply r = { STS_NONE, true, TLS_FAILED_STS_WEB, STR("because") }, p;
	struct put w = put_start();
	struct get g;

	(void)state;
	put_policy_reply(&w, &r);
	g = get_start(str_bytes(w.p, w.n - 1));
	assert_int_equal(get_policy_reply(&g, &p), -1);
	g = get_start(put_view(&w));
	assert_int_equal(get_policy_reply(&g, &p), 0);
	assert_true(p.mode == STS_NONE && p.named && p.failure == TLS_FAILED_STS_WEB && str_eq(p.why, r.why));
	r.mode = STS_MODES;
	w = put_start();
	put_policy_reply(&w, &r);
	g = get_start(put_view(&w));
	assert_int_equal(get_policy_reply(&g, &p), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_question),
		cmocka_unit_test(test_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
