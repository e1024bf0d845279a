/* Dialogues with one session, and the bad inputs that a client may think of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#undef assert
#include "rig.h"

static int set_up(void **state)
{
	(void)state;
	rig_open();
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

static void hello(void)
{
	rig_connect(SERVICE_SMTP, "192.0.2.1");
	check("EHLO client.example\r\n", "250");
}

static void envelope(void)
{
	check("MAIL FROM:<a@b.example>\r\n", "250");
	check("RCPT TO:<u@example.test>\r\n", "250");
}

static bool body_ends(const char *text)
{
	const struct rig_message *m = &rig.messages[(rig.nmessages - 1) % RIG_MESSAGES];

	return rig.nmessages > 0 && str_ends(buf_view(&m->body), str_of(text));
}

static const struct envelope *last_envelope(void)
{
	return &rig.messages[(rig.nmessages - 1) % RIG_MESSAGES].commit.envelope;
}

static void check_ready(void)
{
	check("NOOP\r\n", "250");
}

/* --- what should work ------------------------------------------------------------------------- */

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

/* --- the content ------------------------------------------------------------------------------ */

static void test_line_ends(void **state)
{
	static const struct {
		const char *sequence;
		const char *codes;
	} rows[] = { /* list: 1-6 */
		{ "\n.\n", "550 close" }, { "\n.\r\n", "550 close" }, { "\r\n.\n", "550 close" },
		{ "\r.\r", "550 close" }, { "\r\n.\r", "550 close" },
		{ "\r\r\n.\r\r\n", "550 close" }, { "\n", "550 close" }, { "\r", "550 close" }
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		hello();
		envelope();
		check("DATA\r\n", "354");
		rig_bytes(STR("X: y\r\n\r\nfirst"));
		rig_bytes(str_of(rows[i].sequence));
		check(
		    "MAIL FROM:<x@y.example>\r\nRCPT TO:<u@example.test>\r\nDATA\r\nevil\r\n.\r\n",
		    rows[i].codes);
		assert_int_equal(rig.nmessages, 0);
	}
}

static void test_byte_by_byte(void **state)
{
	static const char text[] = "X: y\r\n\r\nbody\r\n.\r\n"; /* list: 7 */

	(void)state;
	hello();
	envelope();
	check("DATA\r\n", "354");
	for (size_t i = 0; i + 2 < sizeof text; i++) {
		char one[2] = { text[i], '\0' };

		check(one, "");
	}
	check("\n", "250");
	assert_true(body_ends("X: y\r\n\r\nbody\r\n"));
}

static void test_normalised(void **state)
{
	(void)state;
	rig_set("smtp_normalise_networks", "198.51.100.0/24");
	rig_connect(SERVICE_SMTP, "198.51.100.7");
	check("EHLO x\r\n", "250");
	envelope();
	check("DATA\r\n", "354");
	check("X: y\n\nfirst\n.\nMAIL FROM:<a@b>\rx\r\r\nend\r\n.\r\n", "250");
	assert_true(body_ends("X: y\r\n\r\nfirst\r\n\r\nMAIL FROM:<a@b> x\r\nend\r\n"));
	assert_int_equal(rig.nmessages, 1);
}

static void test_nul(void **state)
{
	(void)state;
	hello();
	envelope();
	check("DATA\r\n", "354");
	assert_string_equal(rig_say_bytes(STR("X: y\r\n\r\na\0b\r\n.\r\n")), "550"); /* list: 8 */
	assert_non_null(strstr(buf_cstr(&rig.heard), "5.6.0"));
	check_ready();
	assert_int_equal(rig.nmessages, 0);
	assert_int_equal(rig.aborts, 1);
}

static void test_header_without_end(void **state)
{
	(void)state;
	hello();
	envelope();
	check("DATA\r\n", "354");
	check("X: y\r\nno field\r\n.\r\n", "250");
	assert_true(body_ends("X: y\r\n\r\nno field\r\n"));
	envelope();
	check("DATA\r\n", "354");
	check("just text\r\n.\r\n", "250");
	assert_true(body_ends("\r\n\r\njust text\r\n"));
}

static void test_hops(void **state)
{
	(void)state;
	for (int n = 50; n <= 51; n++) { /* list: 38 */
		hello();
		envelope();
		check("DATA\r\n", "354");
		for (int i = 0; i < n; i++)
			rig_bytes(STR("Received: from x by y;\r\n\tfolded\r\n"));
		check("\r\nReceived: in the body\r\n.\r\n", n == 50 ? "250" : "554");
	}
	assert_non_null(strstr(buf_cstr(&rig.heard), "5.4.6"));
}

static void send_lines(size_t bytes)
{
	static char block[65520];

	for (size_t i = 0; i < sizeof block; i++)
		block[i] = i % 78 == 76 ? '\r' : i % 78 == 77 ? '\n' : 'x';
	for (size_t sent = 0; sent < bytes; sent += sizeof block)
		rig_bytes(str_bytes(block, sizeof block));
}

static void test_size_limit(void **state)
{
	(void)state;
	rig_set("message_size_limit", "1000000");
	hello();
	check("MAIL FROM:<a@b.example> SIZE=1000001\r\n", "552");
	check("MAIL FROM:<a@b.example> SIZE=10\r\n", "250"); /* list: 29 */
	check("RCPT TO:<u@example.test>\r\n", "250");
	check("DATA\r\n", "354");
	send_lines(1200000);
	check(".\r\n", "552");
	check_ready();
	assert_int_equal(rig.nmessages, 0);
	assert_int_equal(rig.aborts, 1);
	envelope();
	check("DATA\r\n", "354");
	send_lines(900000);
	check(".\r\n", "250");
	assert_int_equal(rig.nmessages, 1);
}

static void test_large(void **state)
{
	(void)state;
	hello();
	envelope();
	check("DATA\r\n", "354");
	rig_bytes(STR("X: y\r\n\r\n"));
	send_lines(2000000);
	check("end\r\n.\r\n", "250");
	assert_int_equal(rig.larges, 1);
	assert_true(rig.messages[0].body.n > 2000000);
	assert_true(body_ends("xxx\r\nend\r\n"));
	for (size_t i = 0; i < rig.messages[0].body.n; i++)
		assert_true(
		    rig.messages[0].body.p[i] != '\n' || rig.messages[0].body.p[i - 1] == '\r');
}

/* A message that outgrows the memfd with its very last bytes. */
static void test_just_large(void **state)
{
	(void)state;
	for (size_t n = BODY_SMALL - 400; n < BODY_SMALL + 20; n += 20) {
		static char block[BODY_SMALL + 100];

		hello();
		envelope();
		memset(block, 'x', sizeof block);
		memcpy(block, "A: b\r\n\r\n", 8);
		memcpy(block + n, "\r\n.\r\n", 5);
		check("DATA\r\n", "354");
		assert_string_equal(rig_say_bytes(str_bytes(block, n + 5)), "250");
	}
	assert_true(rig.larges > 0 && rig.larges < 22);
	assert_int_equal(rig.nmessages, 21);
}

static void test_long_line(void **state)
{
	static char block[1 << 20]; /* list: 9 */

	(void)state;
	hello();
	envelope();
	memset(block, 'x', sizeof block);
	check("DATA\r\n", "354");
	rig_bytes(STR("A: b\r\n\r\n"));
	rig_bytes(str_bytes(block, sizeof block));
	check("\r\n.\r\n", "250");
	assert_true(rig.messages[0].body.n > sizeof block);
}

/* --- BDAT ------------------------------------------------------------------------------------- */

static void test_chunks(void **state)
{
	(void)state;
	hello();
	envelope();
	check("BDAT 10\r\nSubject: x", "250");
	check("BDAT 4\r\n\r\n\r\nBDAT 5 LAST\r\n.\r\n\r\n", "250 250");
	assert_true(body_ends("Subject: x\r\n\r\n.\r\n\r\n"));
	envelope();
	check("BDAT 0 LAST\r\n", "250");
	check("MAIL FROM:<a@b.example>\r\nRCPT TO:<u@example.test>\r\nBDAT 3 LAST\r\nabcNOOP\r\n",
	    "250 250 250 250");
	assert_true(body_ends("\r\n\r\nabc\r\n"));
}

static void test_bad_chunks(void **state)
{
	static const char *const sizes[] = { "18446744073709551616", "-1", "1 LAST x", "", "x",
		"+1", "1  FIRST", "0x10" }; /* list: 30 */
	char line[100];

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		hello();
		envelope();
		snprintf(line, sizeof line, "BDAT %s\r\nNOOP\r\n", sizes[i]);
		check(line, "501 close");
	}
	hello();
	check("BDAT 6 LAST\r\nNOOP\r\nNOOP\r\n", "503 250"); /* list: 31 */
	check("BDAT 0\r\nNOOP\r\n", "503 250");
	check("MAIL FROM:<a@b.example>\r\nRCPT TO:<no@example.test>\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n",
	    "250 550 503 250");
	check("RCPT TO:<u@example.test>\r\nBDAT 2\r\nab", "250 250");
	check("DATA\r\n", "503"); /* list: 32 */
	check("RCPT TO:<v@example.test>\r\n", "503");
	check("RSET\r\n", "250");
	check("BDAT 3 LAST\r\nabc", "503");
	hello();
	check("BDAT 99999999999999\r\n", "552 close");
	assert_int_equal(rig.nmessages, 0);
}

static void test_chunk_line_ends(void **state)
{
	static const char *const bad[] = { "BDAT 5 LAST\r\na\nb\r\n", "BDAT 5 LAST\r\na\rb\r\n",
		"BDAT 2\r\na\rBDAT 2 LAST\r\nb\n", "BDAT 2 LAST\r\na\r" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		hello();
		envelope();
		rig_say(bad[i]);
		assert_true(rig.closed);
		assert_non_null(strstr(buf_cstr(&rig.heard), "550 5.5.2"));
	}
	hello();
	envelope();
	check("BDAT 2\r\na\rBDAT 1 LAST\r\n\n", "250 250"); /* a CRLF across two chunks */
	assert_int_equal(rig.nmessages, 1);
}

static void test_chunk_too_big(void **state)
{
	(void)state;
	rig_set("message_size_limit", "100000");
	hello();
	envelope();
	rig_bytes(STR("BDAT 131040\r\n"));
	send_lines(131040);
	check("", "552");
	check("BDAT 2\r\nab", "552");
	check("DATA\r\n", "503");
	check("BDAT 2 LAST\r\nab", "552");
	check_ready();
}

static void test_tiny_chunks(void **state)
{
	static char block[14 * 2000]; /* list: 33 */

	(void)state;
	for (size_t i = 0; i < 2000; i++)
		memcpy(block + 9 * i, "BDAT 1\r\nx", 9);
	hello();
	envelope();
	rig_say_bytes(str_bytes(block, 9 * 2000));
	assert_true(rig.closed);
	assert_non_null(strstr(buf_cstr(&rig.heard), "421 4.7.0"));
}

/* --- misbehaviour ----------------------------------------------------------------------------- */

static void test_early_talker(void **state)
{
	(void)state;
	rig_connect_silently(SERVICE_SMTP, "192.0.2.1"); /* list: 13 */
	check("EHLO x\r\n", "554 close");
	rig_set("smtp_greeting_delay", "100ms");
	rig_connect(SERVICE_SMTP, "192.0.2.1");
	assert_int_equal(rig.heard.n, 0);
	check("EHLO x\r\n", "554 close");
	rig_connect(SERVICE_SMTP, "192.0.2.1");
	usleep(120000);
	rig_turn();
	assert_true(str_starts(buf_view(&rig.heard), STR("220 ")));
	check("EHLO x\r\n", "250");
}

static void test_unsynchronised(void **state)
{
	(void)state;
	rig_connect(SERVICE_SMTP, "192.0.2.1");
	check("EHLO x\r\nMAIL FROM:<a@b.example>\r\n", "554 close");
	rig_connect(SERVICE_SMTP, "192.0.2.1");
	check("HELO x\r\n", "250");
	check("MAIL FROM:<a@b.example>\r\nRCPT TO:<u@example.test>\r\n", "554 close");
	hello();
	envelope();
	check("DATA\r\nX: y\r\n\r\n.\r\n", "554 close");
	assert_int_equal(rig.nmessages, 0);
	rig_connect(SERVICE_SMTP, "192.0.2.1");
	check("HELO x\r\n", "250");
	envelope();
	check("DATA\r\n", "354");
	check("x\r\n.\r\nQUIT\r\n", "250 221 close"); /* content may be followed */
}

static void test_foreign(void **state)
{
	static const char *const lines[] = { "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"post / HTTP/1.0\r\n", "CONNECT x:25 HTTP/1.1\r\n",
		"\x16\x03\x01\x02\r\n" }; /* list: 16 */

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		rig_connect(SERVICE_SMTP, "192.0.2.1");
		check(lines[i], "554 close");
	}
}

static void test_hello_argument(void **state)
{
	static char line[2000];

	(void)state;
	rig_connect(SERVICE_SMTP, "192.0.2.1"); /* list: 37 */
	memset(line, 'a', 1024 + 5);
	memcpy(line, "HELO ", 5);
	memcpy(line + 1029, "\r\n", 3);
	check(line, "501");
	check("HELO a\x01z\r\n", "501");
	check("EHLO\r\n", "501");
	check("EHLO a b\r\n", "501");
	check("EHLO \xff\r\n", "501");
	check("EHLO [192.0.2.1]\r\n", "250");
	check("HELO _odd-but:usual_\r\n", "250");
}

static void test_long_command(void **state)
{
	static char line[100000];

	(void)state;
	memset(line, 'a', sizeof line - 1); /* list: 10 */
	hello();
	memcpy(line + 5000, "\r\nNOOP\r\n", 9);
	check(line, "500 250");
	memset(line, 'a', sizeof line - 1);
	hello();
	check(line, "500 421 close");
	hello();
	memcpy(line, "MAIL FROM:<", 11);
	memcpy(line + 2046, "\r\n", 3); /* the longest line that is read */
	check(line, "501");
}

static void test_errors(void **state)
{
	(void)state;
	hello(); /* list: 12 */
	for (int i = 0; i < 20; i++)
		check("FOO\r\n", "500");
	check("FOO\r\n", "421 close");
	hello();
	for (int i = 0; i < 99; i++)
		check_ready();
	for (int i = 0; i < 20; i++)
		check("NOOP\r\n", "450");
	check("NOOP\r\n", "421 close");
}

static void test_timeouts(void **state)
{
	(void)state;
	rig_set("smtp_command_timeout", "150ms");
	rig_set("smtp_data_timeout", "150ms");
	rig_set("smtp_data_minimum", "10");
	hello();
	for (int i = 0; i < 4 && !rig.closed; i++) { /* list: 11, 41 */
		usleep(60000);
		rig_say("N");
	}
	assert_non_null(strstr(buf_cstr(&rig.heard), "421 4.4.2"));
	hello();
	envelope();
	check("DATA\r\n", "354");
	for (int i = 0; i < 8; i++) { /* fast enough */
		usleep(50000);
		check("123456789\r\n", "");
	}
	for (int i = 0; i < 8 && !rig.closed; i++) {
		usleep(60000);
		rig_say("1");
	}
	assert_non_null(strstr(buf_cstr(&rig.heard), "421 4.4.2"));
	rig_connect(SERVICE_SMTP, "192.0.2.1");
	usleep(160000);
	check("", "421 close");
}

static void test_client_limits(void **state)
{
	int held[5];

	(void)state;
	rig_set("smtp_client_connections", "5"); /* list: 42 */
	for (int i = 0; i < 5; i++) {
		rig_connect(SERVICE_SMTP, "203.0.113.1");
		held[i] = rig.client;
		rig.client = -1;
	}
	rig_connect(SERVICE_SMTP, "203.0.113.1");
	assert_true(str_starts(buf_view(&rig.heard), STR("421 4.7.0")));
	assert_true(rig.closed);
	rig_connect(SERVICE_SMTP, "203.0.113.2");
	assert_true(str_starts(buf_view(&rig.heard), STR("220 ")));
	close(held[0]);
	rig_turn();
	rig_connect(SERVICE_SMTP, "203.0.113.1");
	assert_true(str_starts(buf_view(&rig.heard), STR("220 ")));
	for (int i = 1; i < 5; i++)
		close(held[i]);
	for (int i = 0; i < 10; i++) {
		rig_connect(SERVICE_SMTP, "127.0.0.1"); /* trusted: not limited */
		assert_true(str_starts(buf_view(&rig.heard), STR("220 ")));
	}
}

static void test_client_rates(void **state)
{
	(void)state;
	rig_set("smtp_client_message_rate", "2");
	rig_set("smtp_client_recipient_rate", "3");
	rig_connect(SERVICE_SMTP, "203.0.113.3");
	check("EHLO x\r\n", "250");
	check("MAIL FROM:<a@b.example>\r\n", "250");
	check("RCPT TO:<a@example.test>\r\nRCPT TO:<b@example.test>\r\nRCPT TO:<c@example.test>\r\n"
	      "RCPT TO:<d@example.test>\r\n",
	    "250 250 250 450");
	check("RSET\r\n", "250");
	check("MAIL FROM:<a@b.example>\r\nRSET\r\nMAIL FROM:<a@b.example>\r\n", "250 250 450");
	rig_set("smtp_messages", "1");
	hello();
	envelope();
	check("DATA\r\n", "354");
	check("x\r\n.\r\n", "250");
	check("MAIL FROM:<a@b.example>\r\n", "421 close");
}

/* --- peers that fail -------------------------------------------------------------------------- */

static void test_no_lookup(void **state)
{
	(void)state;
	hello();
	chan_close(&rig.lookup_far);
	rig_turn();
	check("MAIL FROM:<a@b.example>\r\nRCPT TO:<u@example.test>\r\nNOOP\r\n", "250 451 250");
	rig_connect(SERVICE_SMTP, "192.0.2.1");
	assert_true(str_starts(buf_view(&rig.heard), STR("421 4.3.0")));
}

static void test_lookup_dies(void **state)
{
	(void)state;
	hello();
	rig.lookup_silent = true;
	check("MAIL FROM:<a@b.example>\r\nRCPT TO:<u@example.test>\r\n", "");
	chan_close(&rig.lookup_far);
	check("", "250 451");
	check_ready();
}

static void test_client_leaves_while_asked(void **state)
{
	(void)state;
	hello();
	rig.lookup_silent = true;
	check("MAIL FROM:<a@b.example>\r\nRCPT TO:<u@example.test>\r\n", "");
	close(rig.client);
	rig.client = -1;
	rig_turn();
	chan_close(&rig.lookup_far);
	rig_turn();
}

static void test_no_queue(void **state)
{
	(void)state;
	hello();
	envelope();
	chan_close(&rig.queue_far);
	rig_turn();
	check("DATA\r\n", "451");
	check("MAIL FROM:<a@b.example>\r\n", "451");
	check_ready();
}

static void test_queue_dies(void **state)
{
	(void)state;
	hello();
	envelope();
	check("DATA\r\n", "354");
	check("X: y\r\n\r\n", "");
	chan_close(&rig.queue_far);
	rig_turn();
	check("body\r\n.\r\n", "451");
	chan_close(&rig.lookup_far);
	rig_turn();
	rig_connect_peers(); /* both are back */
	rig_turn();
	hello();
	envelope();
	rig.queue_silent = true;
	check("DATA\r\n", "354");
	check("X: y\r\n\r\n.\r\n", "");
	chan_close(&rig.queue_far);
	check("", "451");
	assert_int_equal(rig.nmessages, 1); /* the queue had it all the same: at most a repeat */
}

static void test_queue_says_no(void **state)
{
	(void)state;
	rig.queue_mean = true;
	hello();
	envelope();
	check("DATA\r\n", "354");
	check("x\r\n.\r\n", "452");
	check_ready();
}

static void test_no_room(void **state)
{
	struct queue_stock s = { .room = 1000 };
	struct put w = put_start();

	(void)state;
	hello();
	put_stock(&w, &s);
	chan_send(&rig.queue_far, QUEUE_STOCK, &w, NULL, 0);
	rig_turn();
	check("MAIL FROM:<a@b.example> SIZE=1001\r\n", "452");
	check("MAIL FROM:<a@b.example> SIZE=1000\r\n", "250");
	check("RSET\r\n", "250");
	s.room = 0;
	w = put_start();
	put_stock(&w, &s);
	chan_send(&rig.queue_far, QUEUE_STOCK, &w, NULL, 0);
	rig_turn();
	check("MAIL FROM:<a@b.example>\r\n", "452");
	check_ready();
}

/* What cannot be written is refused for now, and the session goes on. */
static void test_disk_full(void **state)
{
	(void)state;
	hello();
	for (int i = 0; i < 2; i++) { /* the bodies that are there already */
		envelope();
		check("DATA\r\n", "354");
		rig_bytes(STR("X: y\r\n\r\n"));
		rig.disk_full = true;
		send_lines(i == 0 ? 400000 : 10); /* one of them has to become a large one */
		check("\r\n.\r\n", i == 0 ? "452" : "250");
	}
	envelope();
	check("DATA\r\n", "354");
	check("X: y\r\n\r\nz\r\n.\r\n", "452");
	assert_non_null(strstr(buf_cstr(&rig.heard), "452 4.3.1"));
	rig.disk_full = false;
	rig_send_stock(1);
	rig_turn();
	envelope();
	check("BDAT 3 LAST\r\nx\r\n", "250");
	check_ready();
	assert_int_equal(rig.nmessages, 2);
}

/* More transactions at once than there are bodies. */
static void test_bodies_run_out(void **state)
{
	int held[20];

	(void)state;
	for (int i = 0; i < 20; i++) {
		rig_connect(SERVICE_SMTP, "127.0.0.1");
		check("EHLO x\r\n", "250");
		envelope();
		check("DATA\r\n", "354");
		held[i] = rig.client;
		rig.client = -1;
	}
	for (int i = 0; i < 20; i++) {
		rig.client = held[i];
		check("x\r\n.\r\n", "250");
		close(rig.client);
		rig.client = -1;
	}
	assert_int_equal(rig.nmessages, 20);
}

static void test_close_after_dot(void **state)
{
	(void)state;
	hello();
	envelope();
	check("DATA\r\n", "354");
	rig_bytes(STR("X: y\r\n\r\n.\r\n")); /* list: 39 */
	close(rig.client);
	rig.client = -1;
	rig_turn();
	assert_int_equal(rig.nmessages, 1);
	assert_int_equal(session_count(), 0);
}

static void test_half_close(void **state)
{
	(void)state;
	hello();
	envelope();
	check("DATA\r\n", "354");
	rig_bytes(STR("X: y\r\n\r\nhalf a mess")); /* list: 40 */
	shutdown(rig.client, SHUT_WR);
	rig_turn();
	assert_true(rig.closed);
	assert_int_equal(rig.nmessages, 0);
	assert_int_equal(session_count(), 0);
}

/* --- in the name of others -------------------------------------------------------------------- */

static void test_xclient(void **state)
{
	(void)state;
	hello();
	check("XCLIENT ADDR=203.0.113.9\r\n", "550"); /* list: 36 */
	rig_set("smtp_xclient_networks", "192.0.2.0/24");
	hello();
	assert_non_null(strstr(buf_cstr(&rig.heard), "XCLIENT NAME"));
	check("XCLIENT ADDR=nonsense\r\n", "501");
	check("XCLIENT\r\n", "501");
	check("XCLIENT FOO=bar\r\n", "501");
	check("XCLIENT ADDR=203.0.113.9 NAME=[UNAVAILABLE] LOGIN=ann\r\n", "220");
	check("MAIL FROM:<a@b.example>\r\n", "503");
	check("EHLO inner.example\r\n", "250");
	envelope();
	check("XCLIENT ADDR=203.0.113.10\r\n", "503");
	check("DATA\r\n", "354");
	check("x\r\n.\r\n", "250");
	assert_true(str_eq(last_envelope()->client, STR("203.0.113.9")));
	assert_true(str_eq(last_envelope()->login, STR("ann")));
	assert_true(str_eq(last_envelope()->helo, STR("inner.example")));
	check("XCLIENT ADDR=127.0.0.1\r\n", "220");
	check("EHLO x\r\n", "250");
	check("XCLIENT ADDR=IPV6:2001:db8::1\r\n", "220");
	check("EHLO x\r\n", "250");
	envelope();
	check("DATA\r\n", "354");
	check("x\r\n.\r\n", "250");
	assert_true(str_eq(last_envelope()->client, STR("2001:db8::1")));
}

static void test_proxy(void **state)
{
	static char big[10240];

	(void)state;
	rig_set("smtp_proxy_networks", "198.51.100.1");
	rig_connect(SERVICE_SMTP, "198.51.100.1");
	assert_int_equal(rig.heard.n, 0);
	check("PROXY TCP4 203.0.113.77 198.51.100.2 4000 25\r\n", "220");
	check("EHLO x\r\n", "250");
	envelope();
	check("DATA\r\n", "354");
	check("x\r\n.\r\n", "250");
	assert_true(str_eq(last_envelope()->client, STR("203.0.113.77")));
	rig_connect(SERVICE_SMTP, "198.51.100.1");
	check("PROXY UNKNOWN\r\n", "220");
	rig_connect(SERVICE_SMTP, "198.51.100.1");
	check("PROXY TCP4 203.0.113.77 198.51.100.2 4000 25\r\nEHLO x\r\n", "554 close");
	rig_connect(SERVICE_SMTP, "198.51.100.1");
	check("EHLO x\r\n", "close");
	memset(big, 'x', sizeof big - 1); /* list: 36 */
	memcpy(big, "PROXY ", 6);
	rig_connect(SERVICE_SMTP, "198.51.100.1");
	check(big, "close");
	rig_connect(SERVICE_SMTP, "192.0.2.1");
	check("PROXY TCP4 203.0.113.77 198.51.100.2 4000 25\r\n", "500");
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

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_simple),
		T(test_trace_field),
		T(test_pipelining),
		T(test_one_write),
		T(test_parameters),
		T(test_bad_parameters),
		T(test_addresses),
		T(test_same_recipient),
		T(test_many_recipients),
		T(test_order),
		T(test_vrfy_within),
		T(test_ehlo_reply),
		T(test_lmtp),
		T(test_line_ends),
		T(test_byte_by_byte),
		T(test_normalised),
		T(test_nul),
		T(test_header_without_end),
		T(test_hops),
		T(test_size_limit),
		T(test_large),
		T(test_just_large),
		T(test_long_line),
		T(test_chunks),
		T(test_bad_chunks),
		T(test_chunk_line_ends),
		T(test_chunk_too_big),
		T(test_tiny_chunks),
		T(test_early_talker),
		T(test_unsynchronised),
		T(test_foreign),
		T(test_hello_argument),
		T(test_long_command),
		T(test_errors),
		T(test_timeouts),
		T(test_client_limits),
		T(test_client_rates),
		T(test_no_lookup),
		T(test_lookup_dies),
		T(test_client_leaves_while_asked),
		T(test_no_queue),
		T(test_queue_dies),
		T(test_queue_says_no),
		T(test_no_room),
		T(test_disk_full),
		T(test_bodies_run_out),
		T(test_close_after_dot),
		T(test_half_close),
		T(test_xclient),
		T(test_proxy),
		T(test_local),
		T(test_drain),
	};

	log_threshold(LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
