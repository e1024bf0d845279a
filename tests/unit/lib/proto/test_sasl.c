/* The messages between servers and sasl: what is put comes out, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "proto/sasl.h"

/* Every prefix of a body is malformed, and so is one byte too many; the whole is fine. */
#define CHECK_LENGTHS(w, type, fn)                                                                 \
	do {                                                                                       \
		type x;                                                                            \
		for (size_t n = 0; n <= (w).n + 1; n++) {                                          \
			struct get cut = get_start(str_bytes((w).p, n));                           \
			assert_int_equal(fn(&cut, &x), n == (w).n ? 0 : -1);                       \
		}                                                                                  \
	} while (0)

static const struct sasl_names some = { 4,
	{ { "PLAIN", SASL_NEEDS_SECURE }, { "SCRAM-SHA-256", 0 },
	    { "SCRAM-SHA-256-PLUS", SASL_NEEDS_EXPORTER },
	    { "EXTERNAL", SASL_NEEDS_SECURE | SASL_NEEDS_CERTIFICATE } } };

static void assert_offered(unsigned has, const char *want)
{
	struct buf out;

	buf_init(&out, 1000);
	sasl_names_print(&some, has, "AUTH=", &out);
	assert_string_equal(buf_cstr(&out), want);
	buf_clear(&out);
}

static void test_names(void **state)
{
	struct put w = put_start();
	struct sasl_names out;
	struct get g;

	(void)state;
	put_sasl_names(&w, &some);
	CHECK_LENGTHS(w, struct sasl_names, get_sasl_names);
	g = get_start(put_view(&w));
	assert_int_equal(get_sasl_names(&g, &out), 0);
	assert_int_equal(out.n, 4);
	assert_string_equal(out.rows[2].name, "SCRAM-SHA-256-PLUS");
	assert_int_equal(out.rows[2].needs, SASL_NEEDS_EXPORTER);
	assert_false(sasl_names_have(&some, 0, STR("PLAIN")));
	assert_true(sasl_names_have(&some, SASL_NEEDS_SECURE, STR("plain")));
	assert_false(sasl_names_have(&some, ~0u, STR("LOGIN")));
	assert_offered(0, " AUTH=SCRAM-SHA-256");
	assert_offered(SASL_NEEDS_SECURE, " AUTH=PLAIN AUTH=SCRAM-SHA-256");
	assert_offered(SASL_NEEDS_SECURE | SASL_NEEDS_EXPORTER,
	    " AUTH=PLAIN AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-256-PLUS");
	assert_offered(SASL_NEEDS_SECURE | SASL_NEEDS_CERTIFICATE,
	    " AUTH=PLAIN AUTH=SCRAM-SHA-256 AUTH=EXTERNAL");
}

/* What would end up in a server's greeting must be a name. */
static void test_bad_names(void **state)
{
	static const struct sasl_names bad[] = {
		{ 1, { { "", 0 } } },
		{ 1, { { "plain", 0 } } },
		{ 1, { { "A B", 0 } } },
		{ 1, { { "A]", 0 } } },
		{ 1, { { "A", 0x80 } } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct put w = put_start();
		struct get g;
		struct sasl_names out;

		put_sasl_names(&w, &bad[i]);
		g = get_start(put_view(&w));
		assert_int_equal(get_sasl_names(&g, &out), -1);
	}
}

static void test_start(void **state)
{
	static const char exporter[SASL_EXPORTER_BYTES] = "x";
	struct sasl_start s = { .trace = 1,
		.id = 2,
		.client = STR("192.0.2.1"),
		.mechanism = STR("plain"),
		.has_initial = true,
		.initial = STR("\0a\0b"),
		.secure = true,
		.exporter = { exporter, sizeof exporter },
		.certificate = STR("a@b") };
	struct put w = put_start();
	struct get g;

	(void)state;
	put_sasl_start(&w, &s);
	CHECK_LENGTHS(w, struct sasl_start, get_sasl_start);
	memset(&s, 0, sizeof s);
	g = get_start(put_view(&w));
	assert_int_equal(get_sasl_start(&g, &s), 0);
	assert_int_equal(s.id, 2);
	assert_true(str_eq(s.initial, STR("\0a\0b")) && s.has_initial && s.secure);
	assert_int_equal(s.exporter.n, SASL_EXPORTER_BYTES);
	s.initial = STR("");
	s.certificate = STR("");
	s.exporter = STR("too short");
	w = put_start();
	put_sasl_start(&w, &s);
	g = get_start(put_view(&w));
	assert_int_equal(get_sasl_start(&g, &s), -1);
}

static void test_more_and_answer(void **state)
{
	struct put w = put_start();
	struct sasl_answer a = { .verdict = SASL_OK, .login = STR("a@b"), .nonce = { 1, 2 } };
	struct get g;

	(void)state;
	put_sasl_more(&w, &(struct sasl_more){ 3, STR("x") });
	CHECK_LENGTHS(w, struct sasl_more, get_sasl_more);
	status_set(&a.status, 235, "2.7.0", "fine");
	w = put_start();
	put_sasl_answer(&w, &a);
	CHECK_LENGTHS(w, struct sasl_answer, get_sasl_answer);
	memset(&a, 0, sizeof a);
	g = get_start(put_view(&w));
	assert_int_equal(get_sasl_answer(&g, &a), 0);
	assert_true(str_eq(a.login, STR("a@b")));
	assert_int_equal(a.status.code, 235);
	assert_int_equal(a.nonce[1], 2);
	w.p[0] = SASL_VERDICTS;
	g = get_start(put_view(&w));
	assert_int_equal(get_sasl_answer(&g, &a), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_more_and_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
