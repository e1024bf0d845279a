/* The client's side of SASL: against the examples of the RFCs, a server of the library, and servers that lie. */
#include "../../../../deliver/remote/sasl.h"

#include <gsasl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct buf out;
static const char *why;

static struct sasl *begin(enum login_mechanism m, const char *user, const char *secret)
{
	struct sasl *x = sasl_new(&(struct sasl_login){ .mechanism = m,
	    .user = user,
	    .secret = secret,
	    .host = "mail.example.test",
	    .port = 587 });

	assert_non_null(x);
	return x;
}

static int step(struct sasl *x, struct str challenge)
{
	buf_clear(&out);
	buf_init(&out, SASL_MESSAGE_MAX);
	return sasl_step(x, challenge, &out, &why);
}

static void says(struct sasl *x, struct str challenge, struct str want)
{
	assert_int_equal(step(x, challenge), 0);
	assert_true(str_eq(buf_view(&out), want));
}

static void test_plain(void **state)
{
	struct sasl *x = begin(LOGIN_PLAIN, "tim", "tan");

	(void)state;
	assert_true(sasl_begins(LOGIN_PLAIN));
	says(x, STR_NONE, STR("\0tim\0tan"));
	assert_true(sasl_complete(x));
	assert_int_equal(step(x, STR("more")), -1);
	sasl_free(x);
}

static void test_login(void **state)
{
	struct sasl *x = begin(LOGIN_LOGIN, "tim", "tan");

	(void)state;
	assert_false(sasl_begins(LOGIN_LOGIN));
	says(x, STR("Username:"), STR("tim"));
	assert_false(sasl_complete(x));
	says(x, STR("Password:"), STR("tan"));
	assert_true(sasl_complete(x));
	assert_int_equal(step(x, STR("Really?")), -1);
	sasl_free(x);
}

static void test_tokens(void **state)
{
	struct sasl *x = begin(LOGIN_XOAUTH2, "u@x.test", "t0ken");

	(void)state;
	says(x, STR_NONE, STR("user=u@x.test\001auth=Bearer t0ken\001\001"));
	assert_true(sasl_complete(x));
	says(x, STR("{\"status\":\"401\"}"), STR(""));
	sasl_free(x);
	x = begin(LOGIN_OAUTHBEARER, "a=b,c", "t0ken");
	says(x, STR_NONE,
	    STR("n,a=a=3Db=2Cc,\001host=mail.example.test\001port=587\001auth=Bearer "
		"t0ken\001\001"));
	says(x, STR("{\"status\":\"invalid_token\"}"), STR("\001"));
	for (int i = 0; i < SASL_ROUNDS_MAX - 1; i++)
		assert_int_equal(step(x, STR("again")), 0);
	assert_int_equal(step(x, STR("again")), -1);
	sasl_free(x);
}

/* --- SCRAM against a server ------------------------------------------------------------------- */

static const uint8_t exporter[SASL_EXPORTER] = { 1, 2, 3 };

static int server_callback(Gsasl *ctx, Gsasl_session *s, Gsasl_property property)
{
	(void)ctx;
	if (property == GSASL_PASSWORD) {
		gsasl_property_set(s, property, gsasl_session_hook_get(s));
		return GSASL_OK;
	}
	return GSASL_NO_CALLBACK;
}

/* A whole exchange. True: both sides are content. */
static bool exchange(enum login_mechanism m, const char *ours, char *theirs, bool bound)
{
	Gsasl *library;
	Gsasl_session *server;
	struct sasl *x = sasl_new(&(struct sasl_login){ .mechanism = m,
	    .user = "tim",
	    .secret = ours,
	    .host = "h",
	    .exporter = bound ? exporter : NULL });
	char *text = NULL;
	size_t n = 0;
	int r = GSASL_NEEDS_MORE;
	bool good = true;

	assert_int_equal(gsasl_init(&library), GSASL_OK);
	gsasl_callback_set(library, server_callback);
	assert_int_equal(gsasl_server_start(library, login_mechanism_name(m), &server), GSASL_OK);
	gsasl_session_hook_set(server, theirs);
	gsasl_property_set(server, GSASL_SCRAM_ITER, "4096");
	if (bound)
		gsasl_property_set(
		    server, GSASL_CB_TLS_EXPORTER, "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	for (int i = 0; good && i < 4 && !sasl_complete(x); i++) {
		good = step(x, str_bytes(text, n)) == 0;
		gsasl_free(text);
		text = NULL;
		n = 0;
		if (good && r == GSASL_NEEDS_MORE)
			r = gsasl_step(server, out.p, out.n, &text, &n);
		good = good && (r == GSASL_OK || r == GSASL_NEEDS_MORE);
	}
	good = good && r == GSASL_OK && sasl_complete(x);
	gsasl_free(text);
	gsasl_finish(server);
	gsasl_done(library);
	sasl_free(x);
	return good;
}

static void test_scram(void **state)
{
	static char right[] = "s\xc3\xa9"
			      "cret",
		    wrong[] = "other";
	static const enum login_mechanism all[] = { LOGIN_SCRAM_SHA_1, LOGIN_SCRAM_SHA_256 },
					  plus[] = { LOGIN_SCRAM_SHA_1_PLUS,
						  LOGIN_SCRAM_SHA_256_PLUS };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_true(exchange(all[i], right, right, false));
		assert_false(exchange(all[i], wrong, right, false));
		assert_true(exchange(plus[i], right, right, true));
		assert_false(exchange(plus[i], wrong, right, true));
	}
}

/* What a server may send instead of its first message, and of its last. */
static void test_lies(void **state)
{
	static const char *const more[] = { "", "r=short,s=AAAA,i=4096", "e=other-error", "x",
		"v=AAAA", ",,,,", "r=,s=,i=" };
	struct sasl *x;
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
		x = begin(LOGIN_SCRAM_SHA_256, "tim", "tan");
		assert_int_equal(step(x, STR_NONE), 0);
		assert_int_equal(step(x, str_of(more[i])), -1);
		assert_false(sasl_complete(x));
		sasl_free(x);
	}
	for (int i = 0; i < 3; i++) {
		static const char *const iterations[] = { "100001", "4294967297",
			"99999999999999999999" };
		struct str nonce;

		x = begin(LOGIN_SCRAM_SHA_256, "tim", "tan");
		assert_int_equal(step(x, STR_NONE), 0);
		nonce = str_skip(buf_view(&out), (size_t)str_search(buf_view(&out), STR("r=")));
		snprintf(text, sizeof text, "%.*sX,s=AAAAAAAA,i=%s", STR_ARG(nonce), iterations[i]);
		assert_int_equal(step(x, str_of(text)), -1);
		sasl_free(x);
	}
	/* it has not proved anything, however pleased it is */
	x = begin(LOGIN_SCRAM_SHA_256, "tim", "tan");
	assert_int_equal(step(x, STR_NONE), 0);
	snprintf(text, sizeof text, "%.*sX,s=AAAAAAAA,i=4096",
	    STR_ARG(str_skip(buf_view(&out), (size_t)str_search(buf_view(&out), STR("r=")))));
	assert_int_equal(step(x, str_of(text)), 0);
	assert_false(sasl_complete(x));
	assert_int_equal(step(x, STR("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")), -1);
	sasl_free(x);
}

static int set_up(void **state)
{
	(void)state;
	return sasl_open();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_scram),
		cmocka_unit_test(test_lies),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
