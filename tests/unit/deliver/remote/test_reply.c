/* Replies and capabilities of a server. */
#include "../../../../deliver/remote/caps.h"
#include "../../../../deliver/remote/limits.h"
#include "../../../../deliver/remote/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/credentials.h"

/* Takes lines separated by LF; the state after the last one. */
static enum reply_state feed(struct reply *r, const char *text)
{
	struct str rest = str_of(text), line;
	enum reply_state state = REPLY_MORE;

	reply_start(r);
	while (state == REPLY_MORE && str_cut(&rest, '\n', &line))
		state = reply_line(r, line);
	/* nothing is left over when it ends well */
	return state == REPLY_DONE && rest.p != NULL ? REPLY_BAD : state;
}

static void test_good(void **state)
{
	static const struct {
		const char *in;
		int code;
		const char *enhanced, *text;
	} cases[] = {
		{ "250 2.1.0 Ok", 250, "2.1.0", "Ok" },
		{ "250", 250, "", "" },
		{ "250 ", 250, "", "" },
		{ "250-2.0.0 one\n250-2.0.0 two\n250 2.0.0 three", 250, "2.0.0", "one two three" },
		{ "550 5.1.1 <u@d>: no such user", 550, "5.1.1", "<u@d>: no such user" },
		/* an enhanced code of another class is text */
		{ "550 4.1.1 odd", 550, "", "4.1.1 odd" },
		{ "550 5.1.1000 odd", 550, "", "5.1.1000 odd" },
		{ "550 5.1 odd", 550, "", "5.1 odd" },
		{ "550 5.1.1", 550, "5.1.1", "" },
		{ "452-4.5.3 a\n452 4.5.3", 452, "4.5.3", "a" },
		{ "421 \x1b[2Jbell\a \xff", 421, "", "?[2Jbell? ?" },
		{ "250 mx\tat your service", 250, "", "mx?at your service" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct reply r;

		assert_int_equal(feed(&r, cases[i].in), REPLY_DONE);
		assert_int_equal(r.code, cases[i].code);
		assert_string_equal(r.enhanced, cases[i].enhanced);
		assert_string_equal(r.text, cases[i].text);
	}
}

static void test_bad(void **state)
{
	static const char *const cases[] = { "", "2", "25", "abc", "25x ok", "250ok", "250_ok",
		" 250 ok", "150 ok", "650 ok", "050 ok", "2500 ok", "250-a\n550 b", "250-a\n251 b",
		"250-a\n\n250 b", "250-a\nhello", "-250 ok" };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct reply r;

		assert_int_equal(feed(&r, cases[i]), REPLY_BAD);
	}
}

static void test_bounded(void **state)
{
	static char line[REPLY_LINE_MAX + 2];
	enum reply_state s = REPLY_MORE;
	struct reply r;
	unsigned n;

	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, "250-", 4);
	reply_start(&r);
	for (n = 0; s == REPLY_MORE; n++)
		s = reply_line(&r, str_bytes(line, REPLY_LINE_MAX));
	assert_int_equal(s, REPLY_BAD);
	assert_in_range(n, 2, REPLY_BYTES_MAX / REPLY_LINE_MAX + 1);
	assert_true(strlen(r.text) < sizeof r.text);
	reply_start(&r);
	s = REPLY_MORE;
	for (n = 0; s == REPLY_MORE; n++)
		s = reply_line(&r, STR("250-x"));
	assert_int_equal(n, REPLY_LINES_MAX + 1);
	reply_start(&r);
	assert_int_equal(reply_line(&r, str_bytes(line, REPLY_LINE_MAX + 1)), REPLY_BAD);
}

static void test_status(void **state)
{
	struct status st;
	struct reply r;
	char big[1000];

	(void)state;
	feed(&r, "550 5.1.1 no such user");
	reply_status(&r, "RCPT TO command", &st);
	assert_int_equal(st.code, 550);
	assert_string_equal(st.enhanced, "5.1.1");
	assert_string_equal(st.text, "said: 550 5.1.1 no such user (in reply to RCPT TO command)");
	feed(&r, "450");
	reply_status(&r, "MAIL FROM command", &st);
	assert_string_equal(st.enhanced, "4.0.0");
	assert_string_equal(st.text, "said: 450 no text (in reply to MAIL FROM command)");
	memset(big, 'y', sizeof big);
	memcpy(big, "450 ", 4);
	big[sizeof big - 1] = '\0';
	feed(&r, big);
	reply_status(&r, "end of DATA command", &st);
	assert_non_null(strstr(st.text, "yyy (in reply to end of DATA command)"));
}

static void test_caps(void **state)
{
	static const char *const lines[] = { "PIPELINING", "size 1048576", "8bitmime", "CHUNKING",
		"DSN", "SMTPUTF8", "LIMITS RCPTMAX=20 mailmax=5 RCPTDOMAINMAX=1 FOO=3",
		"X-OTHER a b", "", "STARTTLS" };
	struct caps c = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		caps_line(&c, str_of(lines[i]));
	assert_true(c.pipelining && c.size && c.eightbit && c.chunking && c.dsn && c.utf8);
	assert_int_equal(c.size_limit, 1048576);
	assert_int_equal(c.rcpt_max, 20);
	assert_int_equal(c.mail_max, 5);
	assert_int_equal(c.domain_max, 1);
	c = (struct caps){ 0 };
	caps_line(&c, STR("SIZE"));
	assert_true(c.size && c.size_limit == 0);
	caps_line(&c, STR("SIZE 99999999999999999999999"));
	assert_int_equal(c.size_limit, 0);
	caps_line(&c, STR("LIMITS RCPTMAX=0 MAILMAX=-1 RCPTDOMAINMAX RCPTMAX=12345678"));
	assert_int_equal(c.rcpt_max + c.mail_max + c.domain_max, 0);
	caps_line(&c, STR("PIPELININGX"));
	assert_false(c.pipelining);
}

static void test_auth_capability(void **state)
{
	const unsigned both = 1u << LOGIN_PLAIN | 1u << LOGIN_LOGIN;
	struct caps c = { .auth = 0 };

	(void)state;
	caps_line(&c, STR("AUTH"));
	assert_true(c.auth_offered && c.auth == 0);
	caps_line(&c, STR("auth plain CRAM-MD5 Login"));
	assert_int_equal(c.auth, both);
	c = (struct caps){ .auth = 0 };
	caps_line(&c, STR("AUTH=LOGIN PLAIN"));
	assert_true(c.auth_offered && c.auth == both);
	caps_line(&c, STR("AUTHX SCRAM-SHA-1"));
	assert_int_equal(c.auth, both);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_auth_capability),
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_caps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
