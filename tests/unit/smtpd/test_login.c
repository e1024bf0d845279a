/* AUTH on submission: RFC 4954, line by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rig.h"

#define GOOD  "Z29vZA=="
#define BAD   "YmFk"
#define ODD   "b2Rk"
#define AGAIN "YWdhaW4="
#define BOTH  "Ym90aA=="

static int set_up(void **state)
{
	(void)state;
	rig_open();
	rig_set("submission_plaintext_auth", "yes");
	rig_set("submission_failure_delay", "0");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rig_close();
	return 0;
}

static void check(const char *say, const char *codes)
{
	const char *got = rig_say(say);

	if (strcmp(got, codes) != 0)
		fail_msg("%.60s: %s, not %s (%s)", say, got, codes, buf_cstr(&rig.heard));
}

static void check_text(const char *say, const char *text)
{
	rig_say(say);
	if (strstr(buf_cstr(&rig.heard), text) == NULL)
		fail_msg("%.60s: %s, not %s", say, buf_cstr(&rig.heard), text);
}

static void hello(void)
{
	rig_connect(SERVICE_SUBMISSION, "127.0.0.1");
	check_text("EHLO x\r\n", "\r\n250-AUTH TEST\r\n");
}

static void logged_in(void)
{
	check("MAIL FROM:<user@example.test>\r\n", "250");
	check("RSET\r\n", "250");
}

static void test_ways_in(void **state)
{
	(void)state;
	hello();
	check_text("AUTH TEST " GOOD "\r\n", "235 2.7.0 ");
	logged_in();
	hello();
	check_text("auth test\r\n", "334 bW9yZQ==\r\n");
	check_text(GOOD "\r\n", "235 2.7.0 ");
	logged_in();
	hello();
	check("AUTH TEST =\r\n", "334");
	check(AGAIN "\r\n", "334");
	check("\r\n", "334"); /* an empty message */
	check(GOOD "\r\n", "235");
	logged_in();
	rig_say("EHLO x\r\n");
	assert_null(strstr(buf_cstr(&rig.heard), "AUTH"));
	assert_int_equal(rig.cancels, 0);
}

/* The mechanism has a last word, to which the client has nothing to say. */
static void test_last_word(void **state)
{
	(void)state;
	hello();
	check_text("AUTH TEST " BOTH "\r\n", "334 cHJvb2Y=\r\n");
	check_text("\r\n", "235 2.7.0 ");
	logged_in();
	hello();
	check("AUTH TEST\r\n", "334");
	check(BOTH "\r\n", "334");
	check(GOOD "\r\n", "501");
	check("MAIL FROM:<user@example.test>\r\n", "530");
	check("AUTH TEST " BOTH "\r\n", "334");
	check("*\r\n", "501");
	check("MAIL FROM:<user@example.test>\r\n", "530");
	check("AUTH TEST " AGAIN "\r\n", "334");
	check("\r\n", "334"); /* which is nobody's last word */
	check("*\r\n", "501");
	check("AUTH TEST " BOTH "\r\n", "334");
	hello(); /* it is gone in the middle of that */
}

static void test_order(void **state)
{
	(void)state;
	rig_connect(SERVICE_SUBMISSION, "127.0.0.1");
	check("AUTH TEST " GOOD "\r\n", "503");
	check("HELO x\r\n", "250");
	check("AUTH TEST " GOOD "\r\n", "503");
	check("EHLO x\r\n", "250");
	check("AUTH\r\n", "501");
	check("AUTH TEST " GOOD "\r\n", "235");
	check("AUTH TEST " GOOD "\r\n", "503");
	check("MAIL FROM:<user@example.test>\r\n", "250");
	check("AUTH TEST " GOOD "\r\n", "503");
}

static void test_refused(void **state)
{
	(void)state;
	hello();
	check_text("AUTH TEST " BAD "\r\n", "535 5.7.8 ");
	check("MAIL FROM:<user@example.test>\r\n", "530");
	check_text("AUTH OTHER\r\n", "504 5.5.4 ");
	check_text("AUTH A-MECHANISM-WITH-A-VERY-LONG-NAME \r\n", "504 5.5.4 ");
	check_text("AUTH TEST " ODD "\r\n", "501 5.5.2 ");
	check("AUTH TEST\r\n", "334");
	check("*\r\n", "501");
	assert_int_equal(rig.cancels, 1);
	check("AUTH TEST " GOOD "\r\n", "235");
}

static void test_bad_base64(void **state)
{
	static const char *const bad[] = { "Z29vZA", "Z29vZA===", "Z29v ZA==", "=Z29vZA=", "*",
		"====", "Z29v\xffZA==", "Z29vZB==" };
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		hello();
		snprintf(text, sizeof text, "AUTH TEST %s\r\n", bad[i]);
		check(text, "501");
		check("AUTH TEST\r\n", "334");
		snprintf(text, sizeof text, "%s\r\n", bad[i]);
		check(text, "501");
		check("NOOP\r\n", "250");
	}
	check("AUTH TEST\r\n", "334");
	assert_string_equal(rig_say_bytes(STR("Z29v\0ZA==\r\n")), "501");
	check("AUTH TEST " GOOD "\r\n", "235");
}

static void test_long_lines(void **state)
{
	static char line[70 * 1024];

	(void)state;
	/* as long as may be */
	hello();
	memset(line, 'A', sizeof line);
	memcpy(line, "AUTH TEST ", 10);
	strcpy(line + 10 + 4 * 3064, "\r\n");
	check(line, "501"); /* TEST knows no such message */
	memset(line, 'A', sizeof line);
	strcpy(line + 12288, "\r\n");
	check("AUTH TEST\r\n", "334");
	check(line, "501");
	/* longer */
	strcpy(line + 12292, "\r\n");
	memset(line + 12288, 'A', 4);
	check("AUTH TEST\r\n", "334");
	check_text(line, "500 5.5.6 ");
	check("NOOP\r\n", "250");
	assert_int_equal(rig.cancels, 1);
	memset(line, 'A', sizeof line);
	memcpy(line, "AUTH TEST ", 10);
	strcpy(line + 40000, "\r\n");
	check_text(line, "500 5.5.6 ");
	check("NOOP\r\n", "250");
	/* without end */
	memset(line, 'A', sizeof line - 1);
	line[sizeof line - 1] = '\0';
	check("AUTH TEST\r\n", "334");
	check(line, "500 421 close");
}

/* What comes behind a line that has to be answered was not said by who waits for the answer. */
static void test_pipelined(void **state)
{
	(void)state;
	hello();
	check("AUTH TEST " GOOD "\r\nMAIL FROM:<user@example.test>\r\n", "554 close");
	hello();
	check("AUTH TEST\r\n" GOOD "\r\n", "554 close");
	hello();
	check("AUTH TEST\r\n", "334");
	check(GOOD "\r\nMAIL FROM:<user@example.test>\r\n", "554 close");
}

static void test_commands_are_no_messages(void **state)
{
	(void)state;
	hello();
	check("AUTH TEST\r\n", "334");
	check("QUIT\r\n", "501"); /* which is base64 */
	check("AUTH TEST\r\n", "334");
	check("MAIL FROM:<user@example.test>\r\n", "501");
	check("MAIL FROM:<user@example.test>\r\n", "530");
}

static void test_never_in_the_clear(void **state)
{
	(void)state;
	rig_connect(SERVICE_SUBMISSION, "192.0.2.1");
	rig_say("EHLO x\r\n");
	assert_null(strstr(buf_cstr(&rig.heard), "AUTH"));
	check_text("AUTH TEST " GOOD "\r\n", "538 5.7.11 ");
	rig_set("submission_plaintext_auth", "no");
	rig_connect(SERVICE_SUBMISSION, "127.0.0.1");
	rig_say("EHLO x\r\n");
	assert_null(strstr(buf_cstr(&rig.heard), "AUTH"));
	check("AUTH TEST " GOOD "\r\n", "538");
}

static void test_submission_only(void **state)
{
	(void)state;
	rig_connect(SERVICE_SMTP, "127.0.0.1");
	rig_say("EHLO x\r\n");
	assert_null(strstr(buf_cstr(&rig.heard), "AUTH"));
	check("AUTH TEST " GOOD "\r\n", "502");
}

static void test_too_many_wrong(void **state)
{
	(void)state;
	hello();
	for (int i = 1; i < LIMIT_WRONG_LOGINS; i++)
		check("AUTH TEST " BAD "\r\n", "535");
	check("AUTH TEST " BAD "\r\n", "421 close");
}

/* The answer to a wrong login comes late, and nothing is read meanwhile. */
static void test_delay(void **state)
{
	(void)state;
	rig_set("submission_failure_delay", "100ms");
	hello();
	buf_reset(&rig.heard);
	rig_bytes(STR("AUTH TEST " BAD "\r\n"));
	for (int i = 0; i < 5; i++)
		loop_poll();
	rig_bytes(STR("NOOP\r\n"));
	for (int i = 0; i < 5; i++)
		loop_poll();
	assert_int_equal(session_count(), 1);
	for (int i = 0; i < 400 && rig.heard.n == 0; i++) {
		poll(NULL, 0, 5);
		rig_turn();
	}
	assert_non_null(strstr(buf_cstr(&rig.heard), "535 5.7.8"));
	assert_non_null(strstr(buf_cstr(&rig.heard), "\r\n250 2.0.0"));
}

static void test_no_sasl(void **state)
{
	(void)state;
	hello();
	chan_close(&rig.sasl_far);
	rig_turn();
	check_text("AUTH TEST " GOOD "\r\n", "454 4.7.0 ");
	check("NOOP\r\n", "250");
}

static void test_client_leaves(void **state)
{
	(void)state;
	hello();
	check("AUTH TEST\r\n", "334");
	close(rig.client);
	rig.client = -1;
	rig_turn();
	assert_int_equal(session_count(), 0);
	assert_int_equal(rig.cancels, 1);
	rig.sasl_silent = true;
	hello();
	rig_bytes(STR("AUTH TEST " GOOD "\r\n"));
	rig_turn();
	close(rig.client);
	rig.client = -1;
	rig_turn();
	chan_close(&rig.sasl_far);
	rig_turn();
	assert_int_equal(session_count(), 0);
}

static void nothing(void)
{
}

static void test_drain(void **state)
{
	(void)state;
	hello();
	check("AUTH TEST\r\n", "334");
	session_on_last(nothing);
	session_drain();
	check("", "421 close");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_ways_in), T(test_last_word), T(test_order), T(test_refused),
		T(test_bad_base64), T(test_long_lines), T(test_pipelined),
		T(test_commands_are_no_messages), T(test_never_in_the_clear),
		T(test_submission_only), T(test_too_many_wrong), T(test_delay), T(test_no_sasl),
		T(test_client_leaves),
		T(test_drain), /* the process takes nobody any more: the last */
	};

	log_threshold(LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
