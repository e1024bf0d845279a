/* Clients that talk out of turn, too much, too long, or for ever. */
#include "dialogue.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIALOGUE(test_early_talker),
		DIALOGUE(test_unsynchronised),
		DIALOGUE(test_foreign),
		DIALOGUE(test_hello_argument),
		DIALOGUE(test_long_command),
		DIALOGUE(test_errors),
		DIALOGUE(test_timeouts),
	};

	log_threshold(LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
