/* Tickets, and the messages of services/credentials. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/credentials.h"
#include "proto/refused.h"

static const uint64_t key[2] = { 3, 4 }, other[2] = { 3, 5 }, none[2];

static void test_tickets(void **state)
{
	const struct str way = STR("\0way"), sender = STR("a@b.test");
	struct ticket t = ticket_make(key, 5000, sender, way), u = t;

	(void)state;
	assert_true(ticket_good(key, &t, 4999, sender, way));
	assert_false(ticket_good(key, &t, 5000, sender, way));
	assert_false(ticket_good(other, &t, 4999, sender, way));
	assert_false(ticket_good(key, &t, 4999, STR("b@b.test"), way));
	assert_false(ticket_good(key, &t, 4999, sender, STR("\0wax")));
	/* what is put from one into the other */
	assert_false(ticket_good(key, &t, 4999, STR("a@b.tes"), STR("t\0way")));
	u.until++;
	assert_false(ticket_good(key, &u, 4999, sender, way));
	u = (struct ticket){ .until = 5000 };
	assert_false(ticket_good(key, &u, 4999, sender, way));
	/* one that would be good for longer than any is made for */
	u = ticket_make(key, UINT64_MAX, sender, way);
	assert_false(ticket_good(key, &u, 4999, sender, way));
	/* before there is a key anybody could make one */
	u = ticket_make(none, 5000, sender, way);
	assert_false(ticket_good(none, &u, 4999, sender, way));
}

static void test_question(void **state)
{
	const struct credential_question q = { 7, { 8, 9 }, STR("a@b.test"), STR("\0way"), 2, 11 };
	struct credential_question p;
	struct put w = put_start();
	struct get g;

	(void)state;
	put_credential_question(&w, &q);
	for (size_t n = 0; n <= w.n + 1; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_credential_question(&g, &p), n == w.n ? 0 : -1);
	}
	g = get_start(put_view(&w));
	assert_int_equal(get_credential_question(&g, &p), 0);
	assert_true(p.trace == 7 && p.ticket.until == 8 && p.ticket.seal == 9 && p.hop == 2 &&
		    p.rejected == 11);
	assert_true(str_eq(p.sender, q.sender) && str_eq(p.way, q.way));
}

static int reply_with(const char *secret, uint8_t kind)
{
	struct credential_reply r = { .kind = kind,
		.id = 5,
		.token = 6,
		.user = STR("u"),
		.secret = str_of(secret),
		.rule = STR("f:1") },
				p;
	struct put w = put_start();
	struct get g;

	put_credential_reply(&w, &r);
	g = get_start(put_view(&w));
	if (get_credential_reply(&g, &p) == -1)
		return -1;
	assert_true(p.id == 5 && p.token == 6 && p.kind == kind && str_eq(p.user, r.user));
	assert_true(str_eq(p.secret, r.secret) && str_eq(p.rule, r.rule));
	return 0;
}

static void test_replies(void **state)
{
	(void)state;
	assert_int_equal(reply_with("s", CREDENTIAL_PASSWORD), 0);
	assert_int_equal(reply_with("s", CREDENTIAL_TOKEN), 0);
	assert_int_equal(reply_with("s", CREDENTIAL_KINDS), -1);
	/* it becomes part of a line */
	assert_int_equal(reply_with("s\r\nMAIL", CREDENTIAL_PASSWORD), -1);
}

static int refusal_with(uint16_t code)
{
	struct credential_refusal r = { .id = 5, .nexthop = STR("[a]") }, p;
	struct put w = put_start();
	struct get g;

	status_set(&r.status, code, "4.7.8", "no");
	put_credential_refusal(&w, &r);
	for (size_t n = 0; n < w.n; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_credential_refusal(&g, &p), -1);
	}
	g = get_start(put_view(&w));
	if (get_credential_refusal(&g, &p) == -1)
		return -1;
	assert_true(p.id == 5 && str_eq(p.nexthop, r.nexthop));
	assert_string_equal(p.status.text, "no");
	return 0;
}

static void test_refusals(void **state)
{
	(void)state;
	assert_int_equal(refusal_with(451), 0);
	/* nobody can make mail bounce, or a refusal look like a login */
	assert_int_equal(refusal_with(550), -1);
	assert_int_equal(refusal_with(250), -1);
	assert_int_equal(refusal_with(0), -1);
}

static void test_refused(void **state)
{
	struct status st;

	(void)state;
	status_set(&st, 451, "4.7.8", "no");
	assert_null(refused_lately(1, STR("a"), 0));
	refused_note(1, STR("a"), &st, 100);
	assert_string_equal(refused_lately(1, STR("a"), 99)->text, "no");
	assert_null(refused_lately(2, STR("a"), 99)); /* another password */
	assert_null(refused_lately(1, STR("b"), 99));
	assert_null(refused_lately(1, STR("a"), 100));
	for (uint64_t i = 0; i < 3000; i++)
		refused_note(i, STR("a"), &st, 100);
	assert_null(refused_lately(5, STR("a"), 50));
	assert_non_null(refused_lately(2999, STR("a"), 50));
}

static void test_mechanisms(void **state)
{
	(void)state;
	for (int m = 0; m < LOGIN_MECHANISMS; m++)
		assert_int_equal(
		    login_mechanism(str_of(login_mechanism_name((enum login_mechanism)m))), m);
	assert_int_equal(login_mechanism(STR("plain")), LOGIN_PLAIN);
	assert_int_equal(login_mechanism(STR("CRAM-MD5")), -1);
	assert_int_equal(login_mechanism_kind(LOGIN_XOAUTH2), CREDENTIAL_TOKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tickets),
		cmocka_unit_test(test_question),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_mechanisms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
