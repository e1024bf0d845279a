/* The content of a message, by DATA and BDAT: line ends, sizes, chunks. */
#include "dialogue.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIALOGUE(test_line_ends),
		DIALOGUE(test_byte_by_byte),
		DIALOGUE(test_normalised),
		DIALOGUE(test_nul),
		DIALOGUE(test_header_without_end),
		DIALOGUE(test_hops),
		DIALOGUE(test_size_limit),
		DIALOGUE(test_large),
		DIALOGUE(test_just_large),
		DIALOGUE(test_long_line),
		DIALOGUE(test_chunks),
		DIALOGUE(test_bad_chunks),
		DIALOGUE(test_chunk_line_ends),
		DIALOGUE(test_chunk_too_big),
		DIALOGUE(test_tiny_chunks),
	};

	log_threshold(LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
