/* Exchanges: what the mechanisms ask auth, and what they make of its answers; auth is the test, at
 * a real channel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "../../../../services/sasl/dovecot.h"
#include "../../../../services/sasl/mech.h"
#include "proto/proc.h"
#include "proto/types.h"

static struct chan to_auth, auth;
static bool there = true; /* auth */

/* What auth was asked, and what it shall say. */
static struct {
	uint16_t type;
	char service[32], mechanism[32], login[LOGIN_MAX + 1], secret[256];
	enum auth_verdict verdict;
	unsigned count;
} asked;

/* The last answer. */
static struct {
	unsigned count;
	uint8_t verdict;
	int code;
	char data[256], login[LOGIN_MAX + 1];
} said;

struct chan *proc_peer(enum role r)
{
	return r == ROLE_AUTH && there ? &to_auth : NULL;
}

bool proc_is_root(void)
{
	return false;
}

size_t proc_listeners(const struct listener **out)
{
	*out = NULL;
	return 0;
}

static void note(const struct auth_who *who, struct str secret)
{
	asked.count++;
	str_copy(who->service, asked.service, sizeof asked.service);
	str_copy(who->mechanism, asked.mechanism, sizeof asked.mechanism);
	str_copy(who->login, asked.login, sizeof asked.login);
	str_copy(secret, asked.secret, sizeof asked.secret);
}

static int on_question(struct chan *c, struct ipc_msg *m)
{
	struct auth_answer a = { .verdict = (uint8_t)asked.verdict,
		.address = STR("alice@example.org") };
	struct get g = get_start(m->body);
	struct auth_check check;
	struct auth_token token;
	struct auth_certificate certificate;
	struct put w;

	asked.type = m->type;
	if (m->type == AUTH_CHECK) {
		assert_int_equal(get_auth_check(&g, &check), 0);
		note(&check.who, check.password);
	} else if (m->type == AUTH_TOKEN) {
		assert_int_equal(get_auth_token(&g, &token), 0);
		note(&token.who, token.text);
	} else {
		assert_int_equal(get_auth_certificate(&g, &certificate), 0);
		note(&certificate.who, certificate.name);
	}
	w = put_start();
	put_auth_answer(&w, &a);
	return chan_reply(c, m, m->type, &w, NULL, 0);
}

static const struct chan_row rows[] = { { AUTH_CHECK, 0, on_question },
	{ AUTH_TOKEN, 0, on_question }, { AUTH_CERTIFICATE, 0, on_question }, { 0 } };
static const struct chan_row no_rows[] = { { 0 } };

static void on_answer(struct asker *a, struct exchange *x, const struct sasl_answer *s)
{
	(void)a;
	(void)x;
	said.count++;
	said.verdict = s->verdict;
	said.code = s->status.code;
	str_copy(s->data, said.data, sizeof said.data);
	str_copy(s->login, said.login, sizeof said.login);
}

static struct asker asker = { .answer = on_answer, .instance = 3 };

static void settle(unsigned count)
{
	for (int i = 0; i < 20 && said.count < count; i++)
		loop_poll();
	assert_int_equal(said.count, count);
}

static void start(const char *mechanism, const struct str *initial)
{
	struct sasl_start s = { .id = 1,
		.service = STR("imap"),
		.client = STR("192.0.2.1"),
		.mechanism = str_of(mechanism),
		.has_initial = initial != NULL,
		.initial = initial != NULL ? *initial : STR_NONE,
		.certificate = STR("alice@example.org") };
	unsigned before = said.count;

	exchange_start(&asker, &s, (struct chan_ref){ 1, 1 });
	settle(before + 1);
}

static void more(struct str message)
{
	unsigned before = said.count;

	exchange_more(exchange_find(&asker, 1), (struct chan_ref){ 2, 1 }, message);
	settle(before + 1);
}

static void assert_said(enum sasl_verdict v, int code)
{
	assert_int_equal(said.verdict, v);
	assert_int_equal(said.code, code);
	assert_true((exchange_find(&asker, 1) != NULL) == (v == SASL_CONTINUE));
}

static void test_plain(void **state)
{
	static const struct str malformed[] = { STR(""), STR("a"), STR("a\0b"), STR("\0\0c"),
		STR("\0a\0b\0") };

	(void)state;
	asked.verdict = AUTH_OK;
	start("plain", &STR("\0alice\0secret"));
	assert_said(SASL_OK, 235);
	assert_string_equal(said.login, "alice@example.org");
	assert_string_equal(asked.login, "alice");
	assert_string_equal(asked.secret, "secret");
	assert_string_equal(asked.mechanism, "PLAIN");
	start("PLAIN", NULL);
	assert_said(SASL_CONTINUE, 0);
	assert_string_equal(said.data, "");
	asked.verdict = AUTH_REFUSED;
	more(STR("ALICE\0alice\0x"));
	assert_said(SASL_REFUSED, 535);
	assert_string_equal(asked.login, "alice");
	start("PLAIN", &STR("bob\0alice\0x")); /* auth knows whether alice may */
	assert_string_equal(asked.login, "bob*alice");
	asked.verdict = AUTH_LATER;
	start("PLAIN", &STR("\0alice\0x"));
	assert_said(SASL_LATER, 454);
	for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
		start("PLAIN", &malformed[i]);
		assert_said(SASL_MALFORMED, 501);
	}
}

static void test_login(void **state)
{
	(void)state;
	asked.verdict = AUTH_OK;
	start("LOGIN", NULL);
	assert_string_equal(said.data, "Username:");
	more(STR("alice"));
	assert_string_equal(said.data, "Password:");
	more(STR("secret"));
	assert_said(SASL_OK, 235);
	assert_string_equal(asked.secret, "secret");
	start("LOGIN", &STR("alice"));
	assert_string_equal(said.data, "Password:");
	more(STR("a\0b"));
	assert_said(SASL_MALFORMED, 501);
}

static void test_external(void **state)
{
	(void)state;
	asked.verdict = AUTH_OK;
	start("EXTERNAL", &STR(""));
	assert_said(SASL_OK, 235);
	assert_int_equal(asked.type, AUTH_CERTIFICATE);
	assert_string_equal(asked.login, "");
	assert_string_equal(asked.secret, "alice@example.org");
	/* whether that is the account of the certificate, auth says */
	start("EXTERNAL", &STR("Bob@example.org"));
	assert_said(SASL_OK, 235);
	assert_string_equal(asked.login, "Bob@example.org");
	assert_string_equal(asked.secret, "alice@example.org");
	start("EXTERNAL", &STR("a\0b"));
	assert_said(SASL_MALFORMED, 501);
}

static void test_tokens(void **state)
{
	(void)state;
	asked.verdict = AUTH_OK;
	start("XOAUTH2", &STR("user=alice\1auth=Bearer aa.bb.Y2M\1\1"));
	assert_said(SASL_OK, 235);
	assert_string_equal(asked.login, "alice");
	assert_string_equal(asked.secret, "aa.bb");
	/* one that is not signed is for others to judge; what is no token at all is not asked about */
	start("XOAUTH2", &STR("user=alice\1auth=Bearer op~aque+/=\1\1"));
	assert_said(SASL_OK, 235);
	assert_string_equal(asked.secret, "");
	start("XOAUTH2", &STR("user=alice\1auth=Bearer op@que\1\1"));
	assert_said(SASL_CONTINUE, 0);
	more(STR("\1"));
	assert_said(SASL_REFUSED, 535);
	asked.verdict = AUTH_REFUSED;
	start("OAUTHBEARER", &STR("n,a=x=2Cy,\1auth=bearer aa.bb.Y2M\1\1"));
	assert_said(SASL_CONTINUE, 0);
	assert_non_null(strstr(said.data, "invalid_token"));
	assert_string_equal(asked.login, "x,y");
	more(STR("\1"));
	assert_said(SASL_REFUSED, 535);
}

/* auth is away, or goes away while it is asked; the client gives up. */
static void test_ends(void **state)
{
	unsigned before;

	(void)state;
	there = false;
	start("PLAIN", &STR("\0alice\0x"));
	assert_said(SASL_LATER, 454);
	there = true;
	start("LOGIN", NULL);
	before = asked.count;
	exchange_cancel(exchange_find(&asker, 1));
	assert_int_equal(asker.count, 0);
	start("PLAIN", NULL);
	exchange_cancel_all(&asker);
	assert_int_equal(exchange_count(), 0);
	assert_int_equal(asked.count, before);
}

/* Those who begin and say nothing make room for others, the oldest first. */
static void test_silent_ones_make_room(void **state)
{
	struct sasl_start s = {
		.service = STR("imap"), .client = STR("192.0.2.1"), .mechanism = STR("PLAIN")
	};

	(void)state;
	for (s.id = 1; s.id <= EXCHANGES_MAX + 2; s.id++) {
		assert_true(exchange_room(&asker));
		exchange_start(&asker, &s, (struct chan_ref){ 1, 1 });
	}
	assert_int_equal(asker.count, EXCHANGES_MAX);
	assert_null(exchange_find(&asker, 2));
	assert_non_null(exchange_find(&asker, 3));
	assert_non_null(exchange_find(&asker, EXCHANGES_MAX + 2));
	exchange_cancel_all(&asker);
	said.count = 0;
}

static unsigned idles;

static void idle(void)
{
	idles++;
}

/* The last one that waits for auth is given up by its client while the process waits to leave. */
static void test_drain(void **state)
{
	struct sasl_start s = { .id = 1,
		.service = STR("imap"),
		.client = STR("192.0.2.1"),
		.mechanism = STR("PLAIN"),
		.has_initial = true,
		.initial = STR("\0alice\0x") };

	(void)state;
	exchange_start(&asker, &s, (struct chan_ref){ 1, 1 });
	exchanges_drain(idle);
	assert_int_equal(idles, 0);
	exchange_cancel(exchange_find(&asker, 1));
	assert_int_equal(idles, 1);
}

static void test_dovecot_lines(void **state)
{
	struct dovecot_line l;

	(void)state;
	assert_int_equal(
	    dovecot_parse(STR("AUTH\t7\tPLAIN\tservice=smtp\trip=::1\tx\tsecured\tresp=AA=="), &l),
	    0);
	assert_int_equal(l.verb, DOVECOT_AUTH);
	assert_int_equal(l.number, 7);
	assert_true(l.secured && l.has_response);
	assert_true(str_eq(l.mechanism, STR("PLAIN")) && str_eq(l.service, STR("smtp")));
	assert_true(str_eq(l.client, STR("::1")) && str_eq(l.response, STR("AA==")));
	assert_int_equal(dovecot_parse(STR("CONT\t7\t"), &l), 0);
	assert_true(l.has_response && l.response.n == 0);
	assert_int_equal(dovecot_parse(STR("NEWS\twhatever"), &l), 0);
	assert_int_equal(l.verb, DOVECOT_OTHER);
	assert_int_equal(dovecot_parse(STR("AUTH\t-1\tPLAIN"), &l), -1);
	assert_int_equal(dovecot_parse(STR("AUTH\t1"), &l), -1);
	assert_int_equal(dovecot_parse(STR("AUTH\t1\tA\0B"), &l), -1);
}

static int setup(void **state)
{
	struct conf *c = conf_new();
	int ends[2];

	(void)state;
	loop_init();
	assert_int_equal(ipc_pair(ends), 0);
	assert_int_equal(scram_open(), 0);
	chan_init(&to_auth, &ends[0], no_rows, NULL);
	chan_init(&auth, &ends[1], rows, NULL);
	oauth_load(c);
	conf_free(c);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_external),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_dovecot_lines),
		cmocka_unit_test(test_silent_ones_make_room),
		cmocka_unit_test(test_drain),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
