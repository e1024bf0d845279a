/* The submission service: who may send there, and what is made of the message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <time.h>

#include "mail/date.h"
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

/* Sends that header as user@example.test; the code of the answer to the whole message. */
static const char *send_header(const char *header)
{
	char text[20000];

	if (rig.client == -1 || rig.closed)
		connect_user();
	check("MAIL FROM:<user@example.test>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n", "250 250 354");
	snprintf(text, sizeof text, "%s\r\nSubject: x\r\n\r\nbody\r\n.\r\n", header);
	return rig_say(text);
}

static void test_envelope_sender(void **state)
{
	(void)state;
	connect_user();
	check("MAIL FROM:<not-mine@example.test>\r\n", "553");
	check("RCPT TO:<a@b.test>\r\n", "503");
	check("MAIL FROM:<>\r\n", "250"); /* reports of the user's own program */
	check("RSET\r\n", "250");
	chan_close(&rig.lookup_far);
	rig_turn();
	check("MAIL FROM:<user@example.test>\r\n", "451");
	check("RCPT TO:<a@b.test>\r\n", "503");
}

static void test_authors(void **state)
{
	static const struct {
		const char *header, *code;
	} rows[] = {
		{ "From: user@example.test", "250" },
		{ "From: =?utf-8?q?The_User?= <user@example.test>", "250" },
		{ "From: \"ceo@bank.test\" <user@example.test>", "250" }, /* a name, in quotes */
		{ "From: (note (nested)) user@example.test (end)", "250" },
		{ "FROM : user@example.test", "250" },
		{ "From: one@example.test,\r\n\ttwo@example.test", "250" },
		{ "From: Team: one@example.test, two@example.test;", "250" },
		{ "From: user @ example . test", "250" },
		{ "From: user@example.test\r\nSender: agent@example.test", "250" },
		{ "From: not-mine@bank.test", "553" },
		{ "From: User <not-mine@bank.test>", "553" },
		{ "From:\r\n not-mine\r\n @\r\n bank.test", "553" },
		{ "From: \"not-mine\"@bank.test", "553" },
		{ "From: user@example.test, not-mine@bank.test", "553" },
		{ "From: Team: user@example.test, not-mine@bank.test;", "553" },
		{ "From: user@example.test\r\nSender: not-mine@bank.test", "553" },
		{ "Sender: not-mine@bank.test", "553" },
		{ "From: ceo@bank.test <user@example.test>", "550" },
		{ "From: <user@example.test> <ceo@bank.test>", "550" },
		{ "From: <user@example.test> ceo@bank.test", "550" },
		{ "From: <@bank.test:user@example.test>", "550" },
		{ "From: user@example.test (ceo@bank.test", "550" },
		{ "From: undisclosed:;", "550" },
		{ "From:", "550" },
		{ "From: user", "550" },
		{ "From: user@example.test, @", "550" },
		{ "From: user@example.test\r\nFrom: user@example.test", "550" },
		{ "From: user@example.test\r\nfRoM: ceo@bank.test", "550" },
		{ "Sender: a@example.test, b@example.test", "550" },
		{ "Sender: a@example.test\r\nSender: a@example.test", "550" },
	};

	(void)state;
	rig_set("smtp_errors", "1000");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *code = send_header(rows[i].header);

		if (strcmp(code, rows[i].code) != 0)
			fail_msg("%s: %s, not %s (%s)", rows[i].header, code, rows[i].code,
			    buf_cstr(&rig.heard));
	}
	check("NOOP\r\n", "250");
}

static void test_many_authors(void **state)
{
	char text[19000] = "From: ";
	size_t n = 6;

	(void)state;
	for (int i = 0; i <= SENDERS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "u%d@example.test,", i);
	assert_string_equal(send_header(text), "550");
	memset(text + 6, ' ', 17000);
	strcpy(text + 17006, "user@example.test");
	assert_string_equal(send_header(text), "550");
}

static void test_sender_added(void **state)
{
	(void)state;
	assert_string_equal(send_header("From: one@example.test, two@example.test"), "250");
	assert_non_null(strstr(body(), "\r\nSender: <user@example.test>\r\n\r\n"));
	check("MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n", "250 250 354");
	check("Subject: x\r\n\r\nx\r\n.\r\n", "250");
	assert_non_null(strstr(body(), "\r\nFrom: <user@example.test>\r\n"));
}

static void test_chunked_authors(void **state)
{
	(void)state;
	connect_user();
	check("MAIL FROM:<user@example.test>\r\nRCPT TO:<a@b.test>\r\n", "250 250");
	check("BDAT 12\r\nFrom: not-mi", "250");
	check("BDAT 20 LAST\r\nne@bank.test\r\n\r\nabcd", "553");
	check("NOOP\r\n", "250");
	assert_int_equal(rig.nmessages, 0);
}

static void test_not_bound(void **state)
{
	(void)state;
	rig_set("submission_bind_sender", "no");
	connect_user();
	check("MAIL FROM:<not-mine@bank.test>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n", "250 250 354");
	check("From: not-mine@bank.test\r\nFrom: x\r\n\r\nx\r\n.\r\n", "250");
}

static void test_future_release(void **state)
{
	static const char *const bad[] = { "HOLDFOR=0", "HOLDFOR=-1", "HOLDFOR=1x", "HOLDFOR",
		"HOLDFOR=", "HOLDFOR=1000000000", "HOLDFOR=3601", "HOLDUNTIL=2000-01-01T00:00:00Z",
		"HOLDUNTIL=2099-01-01T00:00:00Z", "HOLDUNTIL=2099-01-01", "HOLDUNTIL=1",
		"HOLDFOR=60 HOLDFOR=60", "HOLDFOR=60 HOLDUNTIL=2099-01-01T00:00:00Z",
		"HOLDUNTIL=2099-01-01T00:00:00Z HOLDFOR=60" };
	char until[DATE_TEXT], say[128];
	int64_t now = time(NULL);

	(void)state;
	rig_set("submission_hold_limit", "1h");
	rig_set("smtp_errors", "1000");
	connect_user();
	rig_say("EHLO x\r\n");
	assert_non_null(strstr(buf_cstr(&rig.heard), "\r\n250-FUTURERELEASE 3600 20"));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(say, sizeof say, "MAIL FROM:<user@example.test> %s\r\n", bad[i]);
		check(say, "501");
	}
	check("MAIL FROM:<user@example.test> holdfor=1800\r\nRCPT TO:<a@b.test>\r\nDATA\r\n",
	    "250 250 354");
	check("x\r\n.\r\n", "250");
	assert_in_range(rig.messages[0].commit.envelope.release, now + 1801, now + 1811);
	assert_int_equal(rig.messages[0].commit.envelope.hold_for, 1800);
	check("MAIL FROM:<user@example.test> HOLDFOR=3600\r\n", "250"); /* just */
	check("RSET\r\n", "250");
	date_format_utc(now + 1000, until);
	snprintf(say, sizeof say, "MAIL FROM:<user@example.test> HOLDUNTIL=%s\r\n", until);
	check(say, "250");
	check("RCPT TO:<a@b.test>\r\nDATA\r\n", "250 354");
	check("x\r\n.\r\n", "250");
	assert_int_equal(rig.messages[1].commit.envelope.release, now + 1000);
	assert_int_equal(rig.messages[1].commit.envelope.hold_for, 0);
	/* the next message knows nothing of it */
	check("MAIL FROM:<user@example.test>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n", "250 250 354");
	check("x\r\n.\r\n", "250");
	assert_int_equal(rig.messages[2].commit.envelope.release, 0);
}

static void test_no_future_release(void **state)
{
	(void)state;
	rig_connect(SERVICE_SMTP, "192.0.2.1");
	rig_say("EHLO x\r\n");
	assert_null(strstr(buf_cstr(&rig.heard), "FUTURERELEASE"));
	check("MAIL FROM:<user@example.test> HOLDFOR=60\r\n", "555");
	rig_set("submission_hold_limit", "0");
	connect_user();
	rig_say("EHLO x\r\n");
	assert_null(strstr(buf_cstr(&rig.heard), "FUTURERELEASE"));
	check("MAIL FROM:<user@example.test> HOLDUNTIL=2099-01-01T00:00:00Z\r\n", "555");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_login_needed),
		T(test_protocol),
		T(test_client_shown),
		T(test_own_limits),
		T(test_envelope_sender),
		T(test_authors),
		T(test_many_authors),
		T(test_sender_added),
		T(test_chunked_authors),
		T(test_not_bound),
		T(test_future_release),
		T(test_no_future_release),
	};

	log_threshold(LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
