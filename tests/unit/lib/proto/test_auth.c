/* The messages about accounts: what is put comes out, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "proto/auth.h"
#include "proto/pam.h"

static const struct account alice = { .address = { "alice@example.org", 17 },
	.home = { "example.org/alice", 17 },
	.uid = ACCOUNT_UID_MIN,
	.gid = ACCOUNT_UID_MIN,
	.quota = 5,
	.enabled = true };

/* Every prefix of a body is malformed, and so is one byte too many; the whole is fine. */
#define CHECK_LENGTHS(w, type, fn)                                                                 \
	do {                                                                                       \
		type x;                                                                            \
		for (size_t n = 0; n <= (w).n + 1; n++) {                                          \
			struct get cut = get_start(str_bytes((w).p, n));                           \
			assert_int_equal(fn(&cut, &x), n == (w).n ? 0 : -1);                       \
		}                                                                                  \
	} while (0)

static void assert_account(const struct account *a)
{
	assert_true(str_eq(a->address, alice.address));
	assert_true(str_eq(a->home, alice.home));
	assert_int_equal(a->uid, alice.uid);
	assert_int_equal(a->gid, alice.gid);
	assert_int_equal(a->quota, alice.quota);
	assert_true(a->enabled);
}

static void test_check(void **state)
{
	struct put w = put_start();
	struct auth_check c = { .who = { .trace = 1,
				    .service = STR("imap"),
				    .client = STR("192.0.2.1"),
				    .mechanism = STR("PLAIN"),
				    .instance = 7,
				    .login = STR("a\0b") },
		.password = STR("p\r\nw") };
	struct get g;

	(void)state;
	put_auth_check(&w, &c);
	CHECK_LENGTHS(w, struct auth_check, get_auth_check);
	g = get_start(put_view(&w));
	memset(&c, 0, sizeof c);
	assert_int_equal(get_auth_check(&g, &c), 0);
	assert_true(str_eq(c.who.login, STR("a\0b")));
	assert_true(str_eq(c.password, STR("p\r\nw")));
	assert_true(str_eq(c.who.client, STR("192.0.2.1")));
	assert_true(str_eq(c.who.mechanism, STR("PLAIN")));
	assert_int_equal(c.who.instance, 7);
}

static void test_answer(void **state)
{
	struct put w = put_start();
	struct auth_answer a = {
		.verdict = AUTH_LATER, .address = alice.address, .nonce = "0123456789abcde"
	};
	struct get g;

	(void)state;
	put_auth_answer(&w, &a);
	CHECK_LENGTHS(w, struct auth_answer, get_auth_answer);
	w.p[0] = AUTH_LATER + 1;
	g = get_start(put_view(&w));
	assert_int_equal(get_auth_answer(&g, &a), -1);
}

static void test_grant(void **state)
{
	struct put w = put_start();
	struct grant in = {
		.nonce = "0123456789abcde", .login_instance = 7, .trace = 9, .account = alice
	};
	struct grant out;
	struct get g;

	(void)state;
	put_grant(&w, &in);
	CHECK_LENGTHS(w, struct grant, get_grant);
	g = get_start(put_view(&w));
	assert_int_equal(get_grant(&g, &out), 0);
	assert_memory_equal(in.nonce, out.nonce, NONCE_BYTES);
	assert_int_equal(out.login_instance, 7);
	assert_account(&out.account);
	/* a nonce of another length is none */
	w.p[0] = NONCE_BYTES - 1;
	g = get_start(put_view(&w));
	assert_int_equal(get_grant(&g, &out), -1);
}

static void test_handover(void **state)
{
	struct put w = put_start();
	struct handover h = { .nonce = "0123456789abcde",
		.trace = 3,
		.client = STR("::1"),
		.tag = STR("a1"),
		.input = STR("a2 NOOP\r\n"),
		.secure = true };
	struct get g;

	(void)state;
	put_handover(&w, &h);
	CHECK_LENGTHS(w, struct handover, get_handover);
	g = get_start(put_view(&w));
	memset(&h, 0, sizeof h);
	assert_int_equal(get_handover(&g, &h), 0);
	assert_true(str_eq(h.input, STR("a2 NOOP\r\n")));
	assert_true(h.secure);
	/* a tag ends up in an answer: no line end may be in it */
	w = put_start();
	h.client = h.input = STR_NONE;
	h.tag = STR("a\r\nb");
	put_handover(&w, &h);
	g = get_start(put_view(&w));
	assert_int_equal(get_handover(&g, &h), -1);
}

static void test_session_start(void **state)
{
	struct put w = put_start();
	struct session_start s = { .trace = 3,
		.account = alice,
		.client = STR("::1"),
		.tag = STR("a1"),
		.input = STR("x") };
	struct get g;

	(void)state;
	put_session_start(&w, &s);
	CHECK_LENGTHS(w, struct session_start, get_session_start);
	g = get_start(put_view(&w));
	memset(&s, 0, sizeof s);
	assert_int_equal(get_session_start(&g, &s), 0);
	assert_account(&s.account);
	assert_true(str_eq(s.tag, STR("a1")));
	assert_false(s.secure);
}

static void test_account_change(void **state)
{
	struct put w = put_start();
	struct account_change c = { .address = alice.address,
		.password = STR("secret"),
		.fields = CHANGE_QUOTA,
		.quota = 7,
		.text = STR("a@b c@d"),
		.name = STR("phone"),
		.scopes = SCOPE_IMAP,
		.expires = -1,
		.number = 8,
		.dry = true };
	struct get g;

	(void)state;
	put_account_change(&w, &c);
	CHECK_LENGTHS(w, struct account_change, get_account_change);
	g = get_start(put_view(&w));
	c = (struct account_change){ 0 };
	assert_int_equal(get_account_change(&g, &c), 0);
	assert_true(str_eq(c.password, STR("secret")));
	assert_int_equal(c.quota, 7);
	assert_int_equal(c.scopes, SCOPE_IMAP);
	assert_int_equal(c.expires, -1);
	assert_true(str_eq(c.text, STR("a@b c@d")) && c.dry);
}

/* The questions of sasl, and what they are answered. */
static void test_sasl_questions(void **state)
{
	const struct auth_who who = { .service = STR("imap"), .login = STR("a@b") };
	struct put w = put_start();

	(void)state;
	put_auth_salt(&w, &who);
	CHECK_LENGTHS(w, struct auth_who, get_auth_salt);
	w = put_start();
	put_auth_salt_answer(&w, &(struct auth_salt_answer){ AUTH_OK, STR("salt"), 4096 });
	CHECK_LENGTHS(w, struct auth_salt_answer, get_auth_salt_answer);
	w = put_start();
	put_auth_proof(&w, &(struct auth_proof){ who, SCRAM_SHA_1, STR("n=,r="), STR("xx") });
	CHECK_LENGTHS(w, struct auth_proof, get_auth_proof);
	w = put_start();
	put_auth_proof_answer(&w, &(struct auth_proof_answer){ .signature = STR("sig") });
	CHECK_LENGTHS(w, struct auth_proof_answer, get_auth_proof_answer);
	w = put_start();
	put_auth_token(&w, &(struct auth_token){ who, STR("a.b.c"), STR("a.b"), STR("sig") });
	CHECK_LENGTHS(w, struct auth_token, get_auth_token);
	w = put_start();
	put_pam_question(&w, &(struct pam_question){ 1, STR("alice"), STR("192.0.2.1"), STR("x") });
	CHECK_LENGTHS(w, struct pam_question, get_pam_question);
	w = put_start();
	put_account_listing(&w, &(struct account_listing){ STR("accounts"), STR("a@b"), true });
	CHECK_LENGTHS(w, struct account_listing, get_account_listing);
}

static int get_one_address(struct get *g, struct account *a)
{
	bool found;

	return get_address(g, &found, a);
}

static void test_address(void **state)
{
	struct account a = alice;
	struct put w = put_start();
	bool found;
	struct get g;

	(void)state;
	a.may_submit = true;
	a.per_hour = 10;
	a.senders = STR("info@example.org");
	put_address(&w, &a);
	CHECK_LENGTHS(w, struct account, get_one_address);
	a = (struct account){ 0 };
	g = get_start(put_view(&w));
	assert_int_equal(get_address(&g, &found, &a), 0);
	assert_true(found && a.may_submit);
	assert_int_equal(a.per_hour, 10);
	assert_true(str_eq(a.senders, STR("info@example.org")));
	w = put_start();
	put_address(&w, NULL);
	CHECK_LENGTHS(w, struct account, get_one_address);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_grant),
		cmocka_unit_test(test_handover),
		cmocka_unit_test(test_session_start),
		cmocka_unit_test(test_account_change),
		cmocka_unit_test(test_sasl_questions),
		cmocka_unit_test(test_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
