/* The text of reports (RFC 3461, 3464, 6533). */
#include "../../../queue/dsn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct buf out;
static bool eightbit;

static struct dsn_rcpt bob = {
	.addr = STR("bob@example.net"),
	.orcpt = STR("rfc822;Bob@example.org"),
	.relay = STR("mx.example.net[192.0.2.7]:25"),
	.status = { 550, "5.1.1", "said: 550 5.1.1 no such user (in reply to RCPT TO command)" },
	.last = 1700000100,
};

static struct dsn report(uint8_t kind)
{
	return (struct dsn){
		.kind = kind,
		.words = words_english(),
		.host = STR("mail.example.org"),
		.id = 2,
		.about = 1,
		.to = STR("alice@example.org"),
		.now = 1700000200,
		.arrival = 1700000000,
		.until = 1700432000,
		.rcpts = &bob,
		.nrcpts = 1,
		.message = STR("Subject: x\r\nFrom: a\r\n\r\nsecret body\r\n"),
		.whole = true,
	};
}

static void write_report(const struct dsn *d)
{
	buf_clear(&out);
	buf_init(&out, 1 << 20);
	assert_int_equal(dsn_write(&out, d, &eightbit), 0);
	/* every line ends with CRLF and is shorter than 998 */
	for (size_t i = 0, start = 0; i < out.n; i++) {
		if (out.p[i] != '\n')
			continue;
		assert_true(i > 0 && out.p[i - 1] == '\r');
		assert_true(i - start < 998);
		start = i + 1;
	}
}

static void has(const char *text)
{
	if (strstr(buf_cstr(&out), text) == NULL)
		fail_msg("\"%s\" is not in:\n%s", text, buf_cstr(&out));
}

static void has_not(const char *text)
{
	if (strstr(buf_cstr(&out), text) != NULL)
		fail_msg("\"%s\" is in:\n%s", text, buf_cstr(&out));
}

static void test_failure(void **state)
{
	struct dsn d = report(DSN_FAILURE);

	(void)state;
	d.envid = STR("QQ314159");
	write_report(&d);
	has("From: Mail Delivery System <MAILER-DAEMON@mail.example.org>\r\n");
	has("To: <alice@example.org>\r\n");
	has("Auto-Submitted: auto-replied\r\n");
	has("Content-Type: multipart/report; report-type=delivery-status;\r\n");
	has("Date: Tue, 14 Nov 2023 22:16:40 +0000\r\n");
	has("Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; "
	    "mail.example.org\r\n");
	has("Original-Envelope-Id: QQ314159\r\n");
	has("Original-Recipient: rfc822;Bob@example.org\r\n");
	has("Final-Recipient: rfc822;bob@example.net\r\n");
	has("Action: failed\r\nStatus: 5.1.1\r\n");
	has("Remote-MTA: dns; mx.example.net\r\n");
	has("Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n");
	has("Last-Attempt-Date: Tue, 14 Nov 2023 22:15:00 +0000\r\n");
	has("Content-Type: message/rfc822\r\n\r\nSubject: x\r\n");
	has("secret body");
	assert_false(eightbit);
}

static void test_headers_only(void **state)
{
	struct dsn d = report(DSN_FAILURE);

	(void)state;
	d.whole = false;
	write_report(&d);
	has("Content-Type: text/rfc822-headers\r\n\r\nSubject: x\r\nFrom: a\r\n\r\n--");
	has_not("secret body");
	/* a beginning that ends within the header */
	d.message = STR("Subject: x\r\nX-Long: abc");
	write_report(&d);
	has("Subject: x\r\n\r\n--");
	has_not("X-Long");
}

static void test_delay(void **state)
{
	struct dsn d = report(DSN_DELAY);
	struct dsn_rcpt r = bob;

	(void)state;
	r.relay = STR_NONE;
	r.status = (struct status){ 451, "4.4.1", "no answer" };
	d.rcpts = &r;
	d.whole = false;
	write_report(&d);
	has("Action: delayed\r\nStatus: 4.4.1\r\n");
	has("Will-Retry-Until: Sun, 19 Nov 2023 22:13:20 +0000\r\n");
	has("Diagnostic-Code: x-thurn; no answer\r\n");
	has_not("Remote-MTA");
}

/* What we say of another host is not its reply. */
static void test_words_of_ours(void **state)
{
	struct dsn d = report(DSN_DELAY);
	struct dsn_rcpt r = bob;

	(void)state;
	r.status = (struct status){ 451, "4.4.2", "lost mx.example.net[192.0.2.7]:25: timeout" };
	d.rcpts = &r;
	d.whole = false;
	write_report(&d);
	has("    4.4.2 lost mx.example.net[192.0.2.7]:25: timeout\r\n");
	has("Remote-MTA: dns; mx.example.net\r\n");
	has("Diagnostic-Code: x-thurn; lost mx.example.net[192.0.2.7]:25: timeout\r\n");
	has_not("Diagnostic-Code: smtp");
}

static void test_success(void **state)
{
	struct dsn d = report(DSN_SUCCESS);
	struct dsn_rcpt r = bob;

	(void)state;
	r.status = (struct status){ 250, "2.0.0", "stored" };
	r.action = DSN_EXPANDED;
	d.rcpts = &r;
	d.whole = false;
	write_report(&d);
	has("Action: expanded\r\nStatus: 2.0.0\r\n");
}

/* A temporary failure that became final is reported with a 5 (RFC 3464 2.3.4). */
static void test_expired(void **state)
{
	struct dsn d = report(DSN_FAILURE);
	struct dsn_rcpt r = bob;

	(void)state;
	r.status = (struct status){ 450, "4.4.1", "no answer" };
	d.rcpts = &r;
	write_report(&d);
	has("Status: 5.4.1\r\n");
}

/* RFC 4865 6: what its sender asked for is told, in his words. */
static void test_release(void **state)
{
	struct dsn d = report(DSN_FAILURE);

	(void)state;
	write_report(&d);
	has_not("Future-Release-Request");
	d.release = 1700000150;
	write_report(&d);
	has("Future-Release-Request: until;2023-11-14T22:15:50Z\r\n");
	d.hold_for = 150;
	write_report(&d);
	has("Future-Release-Request: for;150\r\n");
	has_not("until;");
}

static void test_utf8(void **state)
{
	struct dsn d = report(DSN_FAILURE);
	struct dsn_rcpt r = bob;

	(void)state;
	r.addr = STR("jos\xc3\xa9@example.net");
	d.rcpts = &r;
	write_report(&d);
	has("Final-Recipient: rfc822;jos??@example.net\r\n");
	d.utf8 = true;
	write_report(&d);
	has("Content-Type: message/global-delivery-status\r\n");
	has("Final-Recipient: utf-8;jos\xc3\xa9@example.net\r\n");
	has("Content-Type: message/global\r\n");
	assert_true(eightbit);
}

/* Nothing that a stranger said becomes a line or a part of ours. */
static void test_hostile(void **state)
{
	struct dsn d = report(DSN_FAILURE);
	struct dsn_rcpt r = bob;

	(void)state;
	r.orcpt = STR("rfc822;x\x1b[2J\ty");
	d.rcpts = &r;
	d.message = STR("Subject: x\r\n\r\n--=_aaaaaaaaaaaac/0--\r\n--=_aaaaaaaaaaaac/1--\r\n");
	write_report(&d);
	has("Original-Recipient: rfc822;x?[2J?y\r\n");
	has("boundary=\"=_aaaaaaaaaaaac/2\"");
	/* bytes above 127 in the returned message make it 8bit */
	d.message = STR("Subject: \xff\r\n\r\n");
	write_report(&d);
	has("Content-Transfer-Encoding: 8bit\r\n");
	assert_true(eightbit);
}

/* Where an alias leads is known to nobody by its report. */
static void test_hidden(void **state)
{
	struct dsn d = report(DSN_FAILURE);
	struct dsn_rcpt r = bob;

	(void)state;
	r.hidden = true;
	r.relay = STR_NONE;
	status_set(&r.status, 550, "5.1.1", "<private@elsewhere.example> is unknown");
	d.rcpts = &r;
	write_report(&d);
	has_not("elsewhere");
	has("This address does not exist there.");
	has("Status: 5.1.1\r\n");
	has("Diagnostic-Code: x-thurn; the address that this one leads to could not take it\r\n");
	status_set(&r.status, 550, "5.9.9", "<private@elsewhere.example> is unknown");
	write_report(&d);
	has_not("elsewhere");
	has("    5.9.9 the address that this one leads to could not take it\r\n");
}

/* What has gone well is not told in the words of a failure, and what was expanded has some of its own. */
static void test_hidden_success(void **state)
{
	struct dsn d = report(DSN_SUCCESS);
	struct dsn_rcpt r = bob;

	(void)state;
	r.hidden = true;
	r.relay = STR_NONE;
	status_set(&r.status, 250, "2.0.0", "delivered to private");
	d.rcpts = &r;
	write_report(&d);
	has_not("private");
	has("    2.0.0 the address that this one leads to has taken it\r\n");
	has("Diagnostic-Code: x-thurn; the address that this one leads to has taken it\r\n");
	r.status = (struct status){ 0 };
	r.hidden = false;
	r.action = DSN_EXPANDED;
	write_report(&d);
	has("    passed on to the addresses that this one stands for\r\n");
	has("Action: expanded\r\nStatus: 2.0.0\r\n");
	has_not("Diagnostic-Code");
	d.kind = DSN_DELAY;
	r.hidden = true;
	status_set(&r.status, 451, "4.9.9", "private");
	write_report(&d);
	has("    4.9.9 the address that this one leads to could not take it yet\r\n");
}

/* Another language: encoded in the subject, and in the text unless the report is 8bit anyway. */
static void test_language(void **state)
{
	static const struct words_reason reasons[] = { { STR("1.1"), STR("Unbekannte Adresse") } };
	struct words german = {
		.subject = { STR("Zur\xc3\xbc"
				 "ck an den Absender") },
		.opening = { STR("F\xc3\xbcr $host:\nbis $until, $unknown, $") },
		.closing = STR("Ende $id"),
		.reasons = reasons,
		.nreasons = 1,
	};
	struct dsn d = report(DSN_FAILURE);

	(void)state;
	d.words = &german;
	write_report(&d);
	has("Subject: =?UTF-8?B?WnVyw7xjayBhbiBkZW4gQWJzZW5kZXI=?=\r\n");
	has("Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	    "F=C3=BCr mail.example.org:\r\n\r\n"
	    "bis Sun, 19 Nov 2023 22:13:20 +0000, unknown,\r\n\r\n"
	    "<bob@example.net>:\r\n  Unbekannte Adresse\r\n"
	    "    host mx.example.net[192.0.2.7] said: 550 5.1.1 no such user (in reply t=\r\n"
	    "o RCPT TO command)\r\n\r\n"
	    "Ende aaaaaaaaaaaab\r\n");
	assert_false(eightbit);
	d.utf8 = true;
	write_report(&d);
	has("Content-Transfer-Encoding: 8bit\r\n\r\nF\xc3\xbcr mail.example.org:\r\n");
}

/* Paragraphs are broken between words, at 72 characters and not bytes. */
static void test_lines(void **state)
{
	struct words w = *words_english();
	struct dsn d = report(DSN_FAILURE);

	(void)state;
	w.opening[WORDS_FAILURE] =
	    STR("one two three four five six seven eight nine ten eleven twelve thirteen four "
		"\xc3\xa4\xc3\xb6\xc3\xbc");
	d.words = &w;
	d.utf8 = true;
	write_report(&d);
	has("\r\none two three four five six seven eight nine ten eleven twelve thirteen\r\n"
	    "four \xc3\xa4\xc3\xb6\xc3\xbc\r\n");
}

static void test_id(void **state)
{
	const uint64_t one[] = { 1, 2 }, other[] = { 1, 3 };
	uint64_t id = dsn_id(5, DSN_FAILURE, STR("a@b"), one, 2);

	(void)state;
	assert_int_equal(id, dsn_id(5, DSN_FAILURE, STR("a@b"), one, 2));
	assert_int_not_equal(id, dsn_id(6, DSN_FAILURE, STR("a@b"), one, 2));
	assert_int_not_equal(id, dsn_id(5, DSN_DELAY, STR("a@b"), one, 2));
	assert_int_not_equal(id, dsn_id(5, DSN_FAILURE, STR("a@c"), one, 2));
	assert_int_not_equal(id, dsn_id(5, DSN_FAILURE, STR("a@b"), other, 2));
	assert_int_not_equal(id, dsn_id(5, DSN_FAILURE, STR("a@b"), one, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_headers_only),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_words_of_ours),
		cmocka_unit_test(test_success),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_hidden_success),
		cmocka_unit_test(test_language),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
