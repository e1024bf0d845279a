/* The messages of services/fetch: what is put comes out, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/fetch.h"

static void test_question(void **state)
{
	struct fetch_question q = { 7, FETCH_REPORT, STR("https://a.test/"), STR("Bearer x"),
		STR("\0body") },
			      p;
	struct put w = put_start();
	struct get g;

	(void)state;
	put_fetch_question(&w, &q);
	for (size_t n = 0; n <= w.n + 1; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_fetch_question(&g, &p), n == w.n ? 0 : -1);
	}
	g = get_start(put_view(&w));
	assert_int_equal(get_fetch_question(&g, &p), 0);
	assert_true(p.trace == 7 && p.kind == FETCH_REPORT && str_eq(p.target, q.target));
	assert_true(str_eq(p.authorization, q.authorization) && str_eq(p.body, q.body));
}

/* Another field could be put behind a line break, and a kind that there is not be asked for. */
static void test_bad_questions(void **state)
{
	const struct fetch_question bad[] = {
		{ 1, FETCH_KINDS, STR("a"), STR(""), STR("") },
		{ 1, FETCH_STS, STR("a\nb"), STR(""), STR("") },
		{ 1, FETCH_INTROSPECT, STR(""), STR("Bearer x\r\nHost: y"), STR("") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct put w = put_start();
		struct fetch_question p;
		struct get g;

		put_fetch_question(&w, &bad[i]);
		g = get_start(put_view(&w));
		assert_int_equal(get_fetch_question(&g, &p), -1);
	}
}

static void test_reply(void **state)
{
	char *body = calloc(1, FETCH_ANSWER_MAX);
	struct fetch_reply r = { FETCH_ANSWERED, 200, STR("text/plain"), { body, FETCH_ANSWER_MAX },
		STR("") },
			   p;
	struct put w = put_start();
	struct get g;

	(void)state;
	put_fetch_reply(&w, &r);
	assert_false(w.bad);
	g = get_start(str_bytes(w.p, w.n - 1));
	assert_int_equal(get_fetch_reply(&g, &p), -1);
	g = get_start(put_view(&w));
	assert_int_equal(get_fetch_reply(&g, &p), 0);
	assert_true(p.status == 200 && p.body.n == FETCH_ANSWER_MAX && str_eq(p.type, r.type));
	r.outcome = FETCH_OUTCOMES;
	w = put_start();
	put_fetch_reply(&w, &r);
	g = get_start(put_view(&w));
	assert_int_equal(get_fetch_reply(&g, &p), -1);
	assert_string_equal(fetch_outcome_name(FETCH_TIMEOUT), "timeout");
	assert_string_equal(fetch_outcome_name(FETCH_OUTCOMES), "?");
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_question),
		cmocka_unit_test(test_bad_questions),
		cmocka_unit_test(test_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
