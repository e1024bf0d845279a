/* Dialogues with one session: what should work, in which order, and what parameters and addresses may be. */
#include "dialogue.h"

static void test_simple(void **state)
{
	(void)state;
	rig_connect(SERVICE_SMTP, "192.0.2.1");
	assert_true(str_starts(buf_view(&rig.heard), STR("220 mx.example.test ESMTP")));
	check("HELO client.example\r\n", "250");
	check("MAIL FROM:<a@B.example>\r\n", "250");
	check("RCPT TO:<u@example.test>\r\n", "250");
	check("DATA\r\n", "354");
	check("Subject: x\r\n\r\n..dot\r\n.\r\n", "250");
	assert_non_null(strstr(buf_cstr(&rig.heard), "queued as"));
	assert_int_equal(rig.nmessages, 1);
	assert_true(body_ends("Subject: x\r\n\r\n.dot\r\n"));
	assert_true(str_eq(last_envelope()->sender, STR("a@b.example")));
	assert_true(str_eq(last_envelope()->protocol, STR("SMTP")));
	assert_true(str_eq(last_envelope()->client, STR("192.0.2.1")));
	assert_true(str_eq(last_envelope()->helo, STR("client.example")));
	check("QUIT\r\n", "221 close");
}

static void test_trace_field(void **state)
{
	const char *body;

	(void)state;
	hello();
	envelope();
	check("DATA\r\n", "354");
	check("X: y\r\n\r\n.\r\n", "250");
	body = buf_cstr(&rig.messages[0].body);
	assert_true(str_starts(buf_view(&rig.messages[0].body),
	    STR("Received: from client.example ([192.0.2.1])\r\n\tby mx.example.test (Thurn, "
		"trace ")));
	assert_non_null(strstr(body, "\r\n\twith ESMTP id "));
	assert_non_null(strstr(body, "\r\n\tfor <u@example.test>;\r\n\t"));
}

static void test_pipelining(void **state)
{
	(void)state;
	hello();
	check("MAIL FROM:<a@b.example>\r\nRCPT TO:<u@example.test>\r\nRCPT TO:<no@example.test>\r\n"
	      "RCPT TO:<later@example.test>\r\nRCPT TO:<v@example.test>\r\nDATA\r\n",
	    "250 250 550 451 250 354");
	check("X: y\r\n\r\nbody\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<w@example.test>\r\nDATA\r\n",
	    "250 250 250 354");
	check("X: z\r\n\r\n.\r\nQUIT\r\n", "250 221 close");
	assert_int_equal(rig.nmessages, 2);
	assert_int_equal(rig.messages[0].commit.envelope.nrcpts, 2);
	assert_int_equal(rig.messages[1].commit.envelope.sender.n, 0);
}

/* The replies to pipelined commands leave in one piece although lookup is asked in between. */
static void test_one_write(void **state)
{
	char text[4096];
	ssize_t n = -1;

	(void)state;
	hello();
	rig_bytes(STR("MAIL FROM:<a@b.example>\r\nRCPT TO:<u@example.test>\r\nDATA\r\n"));
	for (int i = 0; i < 20 && n <= 0; i++) {
		loop_poll();
		n = recv(rig.client, text, sizeof text, MSG_DONTWAIT);
	}
	assert_true(n > 0);
	assert_true(str_ends(str_bytes(text, (size_t)n), STR("<CR><LF>.<CR><LF>\r\n")));
	assert_true(
	    str_starts(str_bytes(text, (size_t)n), STR("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354")));
}

static void test_parameters(void **state)
{
	const struct envelope *e;

	(void)state;
	hello();
	check("MAIL FROM:<a@b.example> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=a+20b\r\n", "250");
	check("RCPT TO:<u@example.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;u+2Bx@example.test\r\n",
	    "250");
	check("DATA\r\n", "354");
	check(".\r\n", "250");
	e = last_envelope();
	assert_true(e->eightbit && !e->utf8);
	assert_int_equal(e->ret, RET_HDRS);
	assert_true(str_eq(e->envid, STR("a b")));
	assert_int_equal(e->rcpts[0].notify, NOTIFY_SUCCESS | NOTIFY_DELAY);
	assert_true(str_eq(e->rcpts[0].orcpt, STR("rfc822;u+x@example.test")));
}

static void test_bad_parameters(void **state)
{
	(void)state;
	rig_set("smtp_errors", "1000");
	hello();
	check("MAIL FROM:<a@b.example> SIZE=100000000000000000000\r\n", "501"); /* list: 29 */
	check("MAIL FROM:<a@b.example> SIZE=\r\n", "501");
	check("MAIL FROM:<a@b.example> SIZE=-1\r\n", "501");
	check("MAIL FROM:<a@b.example> SIZE=1 SIZE=1\r\n", "501");
	check("MAIL FROM:<a@b.example> SIZE=99999999999\r\n", "552");
	check("MAIL FROM:<a@b.example> BODY=BINARYMIME\r\n", "501");
	check("MAIL FROM:<a@b.example> SMTPUTF8=1\r\n", "501");
	check("MAIL FROM:<a@b.example> RET=ALL\r\n", "501");
	check("MAIL FROM:<a@b.example> ENVID=+00\r\n", "501"); /* list: 35 */
	check("MAIL FROM:<a@b.example> ENVID=+0A\r\n", "501");
	check("MAIL FROM:<a@b.example> ENVID=+G\r\n", "501");
	check("MAIL FROM:<a@b.example> AUTH=<>\r\n", "555");
	check("MAIL FROM:<a@b.example> X\r\n", "555");
	check("MAIL FROM:<a@b.example>\r\n", "250");
	check("RCPT TO:<u@example.test> ORCPT=rfc822;+0A\r\n", "501");
	check("RCPT TO:<u@example.test> ORCPT=rfc822\r\n", "501");
	check("RCPT TO:<u@example.test> NOTIFY=NEVER,SUCCESS\r\n", "501");
	check("RCPT TO:<u@example.test> NOTIFY=\r\n", "501");
	check("RCPT TO:<u@example.test> SIZE=1\r\n", "555");
	check("RCPT TO:<u@example.test>\r\n", "250");
}

static void test_addresses(void **state)
{
	(void)state;
	rig_set("smtp_errors", "1000");
	hello();
	check("MAIL FROM: <a@b.example>\r\n", "250");
	check("RCPT TO:<\"|sh -c id\"@example.test>\r\n",
	    "250"); /* list: 20, 250 only from the rig */
	check("RCPT TO:<\"\"@example.test>\r\n", "553"); /* 21 */
	check("RCPT TO:<@a.example,@b.example:nobody@c.example>\r\n", "550"); /* 22 */
	check("RCPT TO:<j\xc3\xb6rg@example.test>\r\n", "553"); /* 24 */
	check("RCPT TO:<u@b\xc3\xbc.example>\r\n", "553");
	check("RCPT TO:<u@[999.1.1.1]>\r\n", "501"); /* 25 */
	check("RCPT TO:<u@[IPv6:::::1]>\r\n", "501");
	check("RCPT TO:<u@example.test.>\r\n", "501"); /* 26 */
	check(
	    "RCPT TO:<u@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test>\r\n",
	    "501");
	check("RCPT TO:<u\x01@example.test>\r\n", "501");
	check("RCPT TO:<u>\r\n", "501");
	check("RCPT TO:<>\r\n", "553");
	check("RCPT TO:\r\n", "501");
	check("RCPT u@example.test\r\n", "501");
	check("RCPT TO:<Postmaster>\r\n", "250");
	check("RCPT TO:x@example.test\r\n", "250");
	check("RSET\r\n", "250");
	check("MAIL FROM:<u>\r\n", "501");
	check("MAIL FROM:<j\xc3\xb6rg@b.example> SMTPUTF8\r\n", "250");
	check("RCPT TO:<j\xc3\xb6rg@B\xc3\xbc"
	      "cher.example>\r\n",
	    "250");
	check("RCPT TO:<\xc0\xaf@example.test>\r\n", "553");
	check("RCPT TO:<\xed\xa0\x80@example.test>\r\n", "553");
	check("DATA\r\n", "354");
	check(".\r\n", "250");
	assert_true(
	    str_eq(last_envelope()->rcpts[0].addr, STR("j\xc3\xb6rg@xn--bcher-kva.example")));
	assert_true(last_envelope()->utf8);
	assert_true(str_eq(last_envelope()->protocol, STR("UTF8SMTP")));
}

static void test_same_recipient(void **state)
{
	(void)state;
	hello();
	check("MAIL FROM:<a@b.example>\r\n", "250");
	for (int i = 0; i < 500; i++) /* list: 28 */
		check(i % 2 ? "RCPT TO:<u@EXAMPLE.test>\r\n" : "RCPT TO:<\"u\"@example.test>\r\n",
		    "250");
	check("DATA\r\n", "354");
	check(".\r\n", "250");
	assert_int_equal(last_envelope()->nrcpts, 1);
	assert_int_equal(rig.questions, 2);
}

static void test_many_recipients(void **state)
{
	char line[100];

	(void)state;
	hello();
	check("MAIL FROM:<a@b.example>\r\n", "250");
	for (int i = 0; i < 1001; i++) { /* list: 27 */
		snprintf(line, sizeof line, "RCPT TO:<%060d@example.test>\r\n", i);
		check(line, i < 1000 ? "250" : "452");
	}
	check("DATA\r\n", "354");
	check(".\r\n", "250");
	assert_int_equal(last_envelope()->nrcpts, 1000);
	assert_true(str_starts(last_envelope()->rcpts[999].addr, STR("0000")));
}

static void test_order(void **state)
{
	(void)state;
	rig_connect(SERVICE_SMTP, "192.0.2.1");
	check("MAIL FROM:<a@b.example>\r\n", "503");
	check("LHLO x\r\n", "500");
	check("EHLO x\r\n", "250");
	check("RCPT TO:<u@example.test>\r\n", "503");
	check("DATA\r\n", "503"); /* list: 32 */
	envelope();
	check("MAIL FROM:<a@b.example>\r\n", "503");
	check("RSET\r\n", "250");
	check("DATA\r\n", "503");
	check("MAIL FROM:<a@b.example>\r\n", "250");
	check("RCPT TO:<no@example.test>\r\n", "550");
	check("DATA\r\n", "503");
	check("EHLO y\r\n", "250");
	check("RCPT TO:<u@example.test>\r\n", "503");
	check("VRFY u\r\n", "252");
	check("VRFY\r\n", "501");
	check("EXPN x\r\n", "502");
	check("HELP\r\n", "214");
	check("RSET x\r\n", "501");
	check("STARTTLS\r\n", "502");
	check_ready();
}

static void test_vrfy_within(void **state)
{
	(void)state;
	hello();
	check("MAIL FROM:<a@b.example>\r\n", "250"); /* list: 34 */
	check("VRFY \xff\xfe\r\n", "252");
	check("RCPT TO:<u@example.test>\r\n", "250");
	check("VRFY u\r\n", "252");
	check("NOOP x\r\n", "250");
	check("DATA\r\n", "354");
	check(".\r\n", "250");
}

static void test_ehlo_reply(void **state)
{
	static const char *const words[] = { "PIPELINING", "SIZE 52428800", "8BITMIME", "CHUNKING",
		"ENHANCEDSTATUSCODES", "SMTPUTF8", "DSN", "LIMITS MAILMAX=10000 RCPTMAX=1000" };

	(void)state;
	hello();
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		assert_non_null(strstr(buf_cstr(&rig.heard), words[i]));
	assert_null(strstr(buf_cstr(&rig.heard), "XCLIENT"));
}

static void test_lmtp(void **state)
{
	(void)state;
	rig_connect(SERVICE_LMTP, "192.0.2.1");
	check("EHLO x\r\n", "500");
	check("LHLO x\r\n", "250");
	check("MAIL FROM:<a@b.example>\r\nRCPT TO:<u@example.test>\r\nRCPT TO:<no@example.test>\r\n"
	      "RCPT TO:<v@example.test>\r\nDATA\r\n",
	    "250 250 550 250 354");
	check("x\r\n.\r\n", "250 250");
	assert_true(str_eq(last_envelope()->protocol, STR("LMTP")));
	rig.queue_mean = true;
	check("MAIL FROM:<a@b.example>\r\nRCPT TO:<u@example.test>\r\nRCPT TO:<v@example.test>\r\n",
	    "250 250 250");
	check("BDAT 3 LAST\r\nx\r\n", "452 452");
}

static void test_local(void **state)
{
	const char *body;

	(void)state;
	rig_connect_silently(SERVICE_LOCAL, "");
	check("EHLO here\r\nMAIL FROM:<root>\r\nRCPT TO:<u>\r\nDATA\r\n", "220 250 250 250 354");
	check("Subject: x\n\nbare\n.\r\n.\r\n", "250");
	body = buf_cstr(&rig.messages[0].body);
	assert_true(str_eq(last_envelope()->sender, STR("root@mx.example.test")));
	assert_true(str_eq(last_envelope()->rcpts[0].addr, STR("u@mx.example.test")));
	assert_true(str_starts(last_envelope()->login, STR("uid:")));
	assert_true(str_eq(last_envelope()->client, STR("local")));
	assert_non_null(strstr(body, "\r\nDate: "));
	assert_non_null(strstr(body, "\r\nMessage-ID: <"));
	assert_non_null(strstr(body, "\r\nFrom: <root@mx.example.test>\r\n\r\nbare\r\n"));
	check("MAIL FROM:<>\r\nRCPT TO:<u>\r\nDATA\r\n", "250 250 354");
	check("Date: x\r\nMessage-ID: <y@z>\r\nFrom: w\r\n\r\nb\r\n.\r\n", "250");
	assert_true(body_ends("Date: x\r\nMessage-ID: <y@z>\r\nFrom: w\r\n\r\nb\r\n"));
}

static void drained(void)
{
}

static void test_drain(void **state)
{
	int other;

	(void)state;
	hello();
	other = rig.client;
	rig.client = -1;
	hello();
	envelope();
	session_on_last(drained);
	session_drain();
	rig_turn();
	check("DATA\r\n", "354");
	check("x\r\n.\r\n", "250 421 close");
	close(rig.client);
	rig.client = other;
	rig.closed = false;
	check("", "421 close");
	assert_int_equal(rig.nmessages, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIALOGUE(test_simple),
		DIALOGUE(test_trace_field),
		DIALOGUE(test_pipelining),
		DIALOGUE(test_one_write),
		DIALOGUE(test_parameters),
		DIALOGUE(test_bad_parameters),
		DIALOGUE(test_addresses),
		DIALOGUE(test_same_recipient),
		DIALOGUE(test_many_recipients),
		DIALOGUE(test_order),
		DIALOGUE(test_vrfy_within),
		DIALOGUE(test_ehlo_reply),
		DIALOGUE(test_lmtp),
		DIALOGUE(test_local),
		DIALOGUE(test_drain),
	};

	log_threshold(LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
