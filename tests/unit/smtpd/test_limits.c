/* Limits of a client, and what others say about who it is. */
#include "dialogue.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIALOGUE(test_client_limits),
		DIALOGUE(test_client_rates),
		DIALOGUE(test_xclient),
		DIALOGUE(test_proxy),
	};

	log_threshold(LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
