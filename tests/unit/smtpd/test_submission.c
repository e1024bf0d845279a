/* The submission service: who may send there, and what is made of the message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rig.h"

static int set_up(void **state)
{
	(void)state;
	rig_open();
	rig_set("smtp_xclient_networks", "192.0.2.3");
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
	assert_string_equal(rig_say(say), codes);
}

/* A user who has logged in, as a proxy says. */
static void connect_user(void)
{
	rig_connect(SERVICE_SUBMISSION, "192.0.2.3");
	check("XCLIENT ADDR=203.0.113.9 LOGIN=user@example.test\r\n", "220");
	check("EHLO [192.168.1.5]\r\n", "250");
}

static const char *body(void)
{
	return buf_cstr(&rig.messages[rig.nmessages - 1].body);
}

static void test_login_needed(void **state)
{
	(void)state;
	rig_set("trusted_networks", "192.0.2.0/24");
	rig_connect(SERVICE_SUBMISSION, "192.0.2.1");
	check("EHLO x\r\n", "250");
	check("MAIL FROM:<user@example.test>\r\n", "530");
	check("MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\n", "530 503");
	check("HELO x\r\n", "250");
	check("MAIL FROM:<user@example.test>\r\n", "530");
	check("BDAT 3 LAST\r\nabc", "503");
	assert_int_equal(rig.nmessages, 0);
}

static void test_protocol(void **state)
{
	(void)state;
	connect_user();
	check("MAIL FROM:<user@example.test>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n", "250 250 354");
	check("Subject: x\n\nbare\r\n.\r\n", "250");
	assert_true(str_eq(rig.messages[0].commit.envelope.protocol, STR("ESMTPA")));
	assert_true(str_eq(rig.messages[0].commit.envelope.login, STR("user@example.test")));
	assert_true(str_eq(rig.messages[0].commit.envelope.client, STR("203.0.113.9")));
	/* nothing of the device, and what was missing */
	assert_true(str_starts(str_of(body()), STR("Received: by mx.example.test (Thurn, trace ")));
	assert_null(strstr(body(), "203.0.113.9"));
	assert_null(strstr(body(), "192.168.1.5"));
	assert_non_null(strstr(body(), "\r\nDate: "));
	assert_non_null(strstr(body(), "\r\nMessage-ID: <"));
	assert_non_null(strstr(body(), "\r\nFrom: <user@example.test>\r\n\r\nbare\r\n"));
}

static void test_client_shown(void **state)
{
	(void)state;
	rig_set("submission_hide_client", "no");
	connect_user();
	check("MAIL FROM:<user@example.test>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n", "250 250 354");
	check("Subject: x\r\n\r\nx\r\n.\r\n", "250");
	assert_true(
	    str_starts(str_of(body()), STR("Received: from [192.168.1.5] ([203.0.113.9])")));
}

static void test_own_limits(void **state)
{
	(void)state;
	rig_set("submission_size_limit", "100000");
	rig_set("submission_recipients", "2");
	connect_user();
	assert_non_null(
	    strstr(rig_say("EHLO x\r\n") != NULL ? buf_cstr(&rig.heard) : "", "SIZE 100000\r\n"));
	check("MAIL FROM:<user@example.test> SIZE=100001\r\n", "552");
	check("MAIL FROM:<user@example.test> SIZE=100000\r\n", "250");
	check("RCPT TO:<a@b.test>\r\nRCPT TO:<c@b.test>\r\nRCPT TO:<d@b.test>\r\n", "250 250 452");
	check("RSET\r\n", "250");
	rig_connect(SERVICE_SMTP, "192.0.2.1");
	check("EHLO x\r\n", "250");
	check("MAIL FROM:<user@example.test> SIZE=100001\r\n", "250");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_login_needed),
		T(test_protocol),
		T(test_client_shown),
		T(test_own_limits),
	};

	log_threshold(LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
