/* Envelope, status and xtext: what goes into a packet comes out the same, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "mail/envelope.h"
#include "mail/status.h"
#include "mail/xtext.h"

static const struct envelope_rcpt two[] = { { STR("a@b.example"), STR("rfc822;a@b.example"),
						NOTIFY_DELAY },
	{ STR("\"c d\"@e.example"), STR(""), NOTIFY_NEVER } };

static const struct action three[] = { { ACTION_HOLD, STR(""), STR("hash:a(b)") },
	{ ACTION_BCC, STR("copy@x.example"), STR("pcre:p:3") },
	{ ACTION_FILTER, STR("smtp:[127.0.0.1]:10025"), STR("") } };

static struct envelope sample(void)
{
	return (struct envelope){ .trace = 1,
		.arrival = -5,
		.release = 1795446245,
		.hold_for = 3600,
		.sender = STR("s@x.example"),
		.ret = RET_HDRS,
		.eightbit = true,
		.utf8 = true,
		.tls = TLS_WAIVED,
		.envid = STR("id 1"),
		.client = STR("192.0.2.1"),
		.helo = STR("mx.example"),
		.login = STR("u"),
		.protocol = STR("ESMTP"),
		.listener = STR("mx"),
		.marks = STR("precedence:bulk"),
		.actions = (struct action *)three,
		.nactions = 3,
		.rcpts = (struct envelope_rcpt *)two,
		.nrcpts = 2 };
}

static void test_round_trip(void **state)
{
	uint8_t space[1024], again[1024];
	struct envelope e = sample(), f;
	struct put w = put_into(space, sizeof space), v = put_into(again, sizeof again);
	struct arena a;
	struct get g;

	(void)state;
	arena_init(&a);
	put_envelope(&w, &e);
	assert_false(w.bad);
	g = get_start(put_view(&w));
	assert_int_equal(get_envelope(&g, &a, &f), 0);
	assert_int_equal(get_end(&g), 0);
	put_envelope(&v, &f);
	assert_true(str_eq(put_view(&w), put_view(&v)));
	e.tls = TLS_DEMANDS;
	w = put_into(space, sizeof space);
	put_envelope(&w, &e);
	g = get_start(put_view(&w));
	assert_int_equal(get_envelope(&g, &a, &f), -1);
	arena_clear(&a);
}

/* An envelope holds what the queue has to do, not what has become an edit; and no more than 16. */
static void test_actions(void **state)
{
	static const struct action bad[] = { { ACTION_PREPEND, STR("X: y"), STR("") },
		{ ACTION_KINDS, STR(""), STR("") }, { ACTION_REDIRECT, STR(""), STR("") } };
	struct action many[ACTIONS_MAX + 1] = { { 0 } }, *out;
	struct arena a;
	uint32_t n;

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < 5; i++) {
		uint8_t space[1024];
		struct put w = put_into(space, sizeof space);
		struct get g;

		if (i < 3)
			put_actions(&w, &bad[i], 1);
		else
			put_actions(&w, many, i == 3 ? ACTIONS_MAX : ACTIONS_MAX + 1);
		g = get_start(put_view(&w));
		assert_int_equal(get_actions(&g, &a, &out, &n), i == 3 ? 0 : -1);
		assert_int_equal(n, i == 3 ? ACTIONS_MAX : 0);
	}
	assert_true(action_is_field(STR("X-Note: yes")));
	assert_true(action_is_field(STR("X-Note:yes")));
	assert_false(action_is_field(STR("X Note: yes")));
	assert_false(action_is_field(STR(": yes")));
	assert_false(action_is_field(STR("X-Note:  ")));
	assert_false(action_is_field(STR("no colon")));
	arena_clear(&a);
}

/* Every prefix fails; every changed byte fails or gives another good envelope; none over-reads. */
static void test_mutations(void **state)
{
	uint8_t space[1024];
	struct envelope e = sample(), f;
	struct put w = put_into(space, sizeof space);

	(void)state;
	put_envelope(&w, &e);
	for (size_t n = 0; n <= w.n; n++) {
		for (size_t at = 0; at < (n == w.n ? n : 1); at++) {
			for (unsigned v = 0; v < 256; v += n == w.n ? 1 : 256) {
				char *copy = malloc(n + !n);
				struct arena a;
				struct get g;

				memcpy(copy, space, n);
				if (n == w.n)
					copy[at] = (char)v;
				arena_init(&a);
				g = get_start(str_bytes(copy, n));
				if (get_envelope(&g, &a, &f) == 0) {
					assert_int_equal(n, w.n);
					assert_true(f.nrcpts <= 2);
				}
				arena_clear(&a);
				free(copy);
			}
		}
	}
}

static void test_lines(void **state)
{
	static const char *const bad[] = { "a\nb", "a\rb" };
	uint8_t space[1024];
	struct arena a;

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < 2; i++) {
		struct envelope e = sample(), f;
		struct put w = put_into(space, sizeof space);
		struct get g;

		e.envid = str_of(bad[i]);
		put_envelope(&w, &e);
		g = get_start(put_view(&w));
		assert_int_equal(get_envelope(&g, &a, &f), -1);
	}
	arena_clear(&a);
}

static void test_status(void **state)
{
	uint8_t space[1024];
	struct status st, got;
	struct put w = put_into(space, sizeof space);
	struct get g;

	(void)state;
	assert_int_equal(status_set(&st, 550, "5.1.1", "no\r\nsuch %s\x1b", "user"), -1);
	assert_string_equal(st.text, "no??such user?");
	put_status(&w, &st);
	g = get_start(put_view(&w));
	get_status(&g, &got);
	assert_int_equal(get_end(&g), 0);
	assert_int_equal(got.code, 550);
	assert_string_equal(got.enhanced, "5.1.1");
	assert_string_equal(got.text, st.text);
	st.code = 199;
	w = put_into(space, sizeof space);
	put_status(&w, &st);
	g = get_start(put_view(&w));
	get_status(&g, &got);
	assert_int_equal(get_end(&g), -1);
	w = put_into(space, sizeof space);
	put_u16(&w, 550);
	put_z(&w, "5.1.1");
	put_z(&w, "two\r\nlines");
	g = get_start(put_view(&w));
	get_status(&g, &got);
	assert_int_equal(get_end(&g), -1);
}

static void check_xtext(const char *in, bool utf8, const char *expect)
{
	char out[16];
	size_t n;
	int r = xtext_decode(str_of(in), utf8, out, sizeof out, &n);

	assert_int_equal(r, expect == NULL ? -1 : 0);
	if (expect != NULL)
		assert_true(str_eq(str_bytes(out, n), str_of(expect)));
}

static void test_xtext(void **state)
{
	struct buf b;

	(void)state;
	check_xtext("", false, "");
	check_xtext("abc+2Bd+3D", false, "abc+d=");
	check_xtext("a+20b", false, "a b");
	check_xtext("+00", false, NULL);
	check_xtext("+0A", false, NULL);
	check_xtext("+0D", false, NULL);
	check_xtext("+G1", false, NULL);
	check_xtext("+2b", false, NULL);
	check_xtext("+", false, NULL);
	check_xtext("+4", false, NULL);
	check_xtext("+80", true, NULL);
	check_xtext("a=b", false, NULL);
	check_xtext("a b", false, NULL);
	check_xtext("\xc3\xa4", false, NULL);
	check_xtext("\xc3\xa4", true, "\xc3\xa4");
	check_xtext("12345678901234567", false, NULL);
	buf_init(&b, 64);
	assert_int_equal(xtext_encode(&b, STR("a+b=c d")), 0);
	assert_string_equal(buf_cstr(&b), "a+2Bb+3Dc+20d");
	buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_xtext),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
