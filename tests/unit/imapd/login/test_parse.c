/* What may be said before login: where commands end, what they say, and every limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../../imapd/login/parse.h"

static struct command cmd;

static enum scan_result scan(struct str in, size_t *end)
{
	struct scan s = { 0 };

	return scan_command(&s, in, end);
}

static void test_scan(void **state)
{
	size_t end = 0;
	struct scan s = { 0 };

	(void)state;
	assert_int_equal(scan(STR(""), &end), SCAN_MORE);
	assert_int_equal(scan(STR("a NOOP"), &end), SCAN_MORE);
	assert_int_equal(scan(STR("a NOOP\r\nb"), &end), SCAN_WHOLE);
	assert_int_equal(end, 8);
	assert_int_equal(scan(STR("a NOOP\nb"), &end), SCAN_WHOLE);
	assert_int_equal(end, 7);
	assert_int_equal(scan(STR("a LOGIN {3+}\r\nx\ny {2+}\r\nzz\r\nb"), &end), SCAN_WHOLE);
	assert_int_equal(end, 28);
	assert_int_equal(scan(STR("a LOGIN {3+}\r\nx\ny"), &end), SCAN_MORE);
	/* a synchronising one: go on where it stopped */
	assert_int_equal(scan_command(&s, STR("a LOGIN {3}\r\n"), &end), SCAN_CONTINUE);
	assert_int_equal(scan_command(&s, STR("a LOGIN {3}\r\n"), &end), SCAN_MORE);
	assert_int_equal(scan_command(&s, STR("a LOGIN {3}\r\nabc x\r\n"), &end), SCAN_WHOLE);
	/* not a literal */
	assert_int_equal(scan(STR("a {}\r\n"), &end), SCAN_WHOLE);
	assert_int_equal(scan(STR("a {+}\r\n"), &end), SCAN_WHOLE);
	assert_int_equal(scan(STR("a {1x}\r\n"), &end), SCAN_WHOLE);
	assert_int_equal(scan(STR("a }\r\n"), &end), SCAN_WHOLE);
	assert_int_equal(scan(STR("}\r\n"), &end), SCAN_WHOLE);
	assert_int_equal(scan(STR("{\r\n"), &end), SCAN_WHOLE);
	assert_int_equal(scan(STR("\r\n"), &end), SCAN_WHOLE);
}

/* Bad inputs 45 to 48 of the list. */
static void test_scan_limits(void **state)
{
	static char big[2 * COMMAND_MAX];
	size_t end;
	struct str many = STR("a LOGIN {1+}\r\nx {1+}\r\nx {1+}\r\nx {1+}\r\nx {1+}\r\nx\r\n");

	(void)state;
	assert_int_equal(scan(STR("a {4294967296}\r\n"), &end), SCAN_LITERAL);
	assert_int_equal(scan(STR("a {1000000000000000000000000000000}\r\n"), &end), SCAN_LITERAL);
	assert_int_equal(scan(STR("a {5000+}\r\n"), &end), SCAN_LITERAL);
	assert_int_equal(scan(STR("a {4096}\r\n"), &end), SCAN_CONTINUE);
	assert_int_equal(scan(STR("a {4097}\r\n"), &end), SCAN_LITERAL);
	assert_int_equal(scan(many, &end), SCAN_LITERAL);
	memset(big, '(', sizeof big);
	assert_int_equal(scan(str_bytes(big, COMMAND_MAX - 1), &end), SCAN_MORE);
	assert_int_equal(scan(str_bytes(big, COMMAND_MAX), &end), SCAN_LONG);
	big[COMMAND_MAX] = '\n';
	assert_int_equal(scan(str_bytes(big, sizeof big), &end), SCAN_LONG);
	big[COMMAND_MAX - 1] = '\n';
	assert_int_equal(scan(str_bytes(big, sizeof big), &end), SCAN_WHOLE);
	/* literals that are small one by one */
	memset(big, 'x', sizeof big);
	memcpy(big, "a {4096+}\r\n", 11);
	memcpy(big + 11 + 4096, " {4096+}\r\n", 10);
	assert_int_equal(scan(str_bytes(big, 11 + 4096 + 10), &end), SCAN_LITERAL);
}

static void test_tags(void **state)
{
	static char big[1100];

	(void)state;
	assert_int_equal(parse_command(STR("a1 noop\r\n"), &cmd), 0);
	assert_true(str_eq(cmd.tag, STR("a1")) && str_eq(cmd.verb, STR("noop")));
	assert_int_equal(parse_command(STR("]. NOOP\n"), &cmd), 0);
	assert_int_equal(parse_command(STR("a\t NOOP\r\n"), &cmd), -1);
	assert_int_equal(parse_command(STR("+ NOOP\r\n"), &cmd), -1);
	assert_int_equal(parse_command(STR("a+ NOOP\r\n"), &cmd), -1);
	assert_int_equal(parse_command(STR("NOOP\r\n"), &cmd), -1);
	assert_int_equal(parse_command(STR(" NOOP\r\n"), &cmd), -1);
	assert_int_equal(parse_command(STR("a\0 NOOP\r\n"), &cmd), -1);
	assert_int_equal(parse_command(STR("\xc3\xbc NOOP\r\n"), &cmd), -1);
	assert_int_equal(parse_command(STR("\r\n"), &cmd), -1);
	assert_int_equal(parse_command(STR("a  NOOP\r\n"), &cmd), -1);
	assert_true(str_eq(cmd.tag, STR("a")));
	memset(big, 'a', sizeof big);
	memcpy(big + IMAP_TAG_MAX, " NOOP\r\n", 7);
	assert_int_equal(parse_command(str_bytes(big, IMAP_TAG_MAX + 7), &cmd), 0);
	memset(big, 'a', sizeof big);
	memcpy(big + 1024, " NOOP\r\n", 7);
	assert_int_equal(parse_command(str_bytes(big, 1031), &cmd), -1);
	assert_int_equal(cmd.tag.n, 0);
}

static void assert_login(struct str whole, struct str login, struct str password)
{
	struct str a, b;

	assert_int_equal(parse_command(whole, &cmd), 0);
	assert_int_equal(parse_blank(&cmd), 0);
	assert_int_equal(parse_astring(&cmd, &a), 0);
	assert_int_equal(parse_blank(&cmd), 0);
	assert_int_equal(parse_astring(&cmd, &b), 0);
	assert_int_equal(parse_end(&cmd), 0);
	assert_true(str_eq(a, login));
	assert_true(str_eq(b, password));
}

static void test_astrings(void **state)
{
	static const char *const bad[] = { "a LOGIN a*b c\r\n", "a LOGIN \"a c\r\n",
		"a LOGIN \"a\\\r\n", "a LOGIN \"a\\x\" c\r\n", "a LOGIN (a) c\r\n",
		"a LOGIN {5}\r\nabc\r\n", "a LOGIN \r\n" };
	struct str out;

	(void)state;
	assert_login(STR("a LOGIN a@b c]d\r\n"), STR("a@b"), STR("c]d"));
	assert_login(STR("a LOGIN \"a b\" \"q\\\"\\\\%*\"\r\n"), STR("a b"), STR("q\"\\%*"));
	assert_login(STR("a LOGIN {3}\r\nx\ny {4+}\r\nz\0\r\n\r\n"), STR("x\ny"), STR("z\0\r\n"));
	assert_login(STR("a LOGIN \"\" {0}\r\n\r\n"), STR(""), STR(""));
	assert_login(STR("a LOGIN \"\xc3\xbc\xff\" x\r\n"), STR("\xc3\xbc\xff"), STR("x"));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(parse_command(str_of(bad[i]), &cmd), 0);
		assert_int_equal(parse_blank(&cmd), 0);
		if (parse_astring(&cmd, &out) == 0 && parse_blank(&cmd) == 0)
			fail_msg("%s", bad[i]);
	}
	assert_int_equal(parse_command(STR("a LOGIN \"a\0b\" c\r\n"), &cmd), 0);
	assert_int_equal(parse_blank(&cmd), 0);
	assert_int_equal(parse_astring(&cmd, &out), -1);
}

static int id(const char *args)
{
	char line[2048];

	snprintf(line, sizeof line, "a ID %s\r\n", args);
	if (parse_command(str_of(line), &cmd) == -1 || parse_blank(&cmd) == -1 ||
	    parse_id(&cmd) == -1)
		return -1;
	return parse_end(&cmd);
}

static void test_id(void **state)
{
	char many[1024] = "(";
	size_t at = 1;

	(void)state;
	assert_int_equal(id("NIL"), 0);
	assert_int_equal(id("()"), 0);
	assert_int_equal(id("(\"name\" \"x\")"), 0);
	assert_int_equal(id("(\"name\" NIL \"version\" \"1)\")"), 0);
	assert_int_equal(id("(\"name\")"), -1);
	assert_int_equal(id("(name x)"), -1);
	assert_int_equal(id("(\"a\" \"b\""), -1);
	assert_int_equal(id("((((((("), -1);
	assert_int_equal(id("x"), -1);
	for (int i = 0; i < 31; i++)
		at += (size_t)snprintf(
		    many + at, sizeof many - at, "%s\"a\" \"b\"", i == 0 ? "" : " ");
	snprintf(many + at, sizeof many - at, ")");
	assert_int_equal(id(many), -1);
}

static void take_apart(struct str in)
{
	struct scan s = { 0 };
	struct str out;
	size_t end;
	enum scan_result r;

	while ((r = scan_command(&s, in, &end)) == SCAN_CONTINUE)
		;
	if (r != SCAN_WHOLE || parse_command(str_take(in, end), &cmd) == -1 ||
	    parse_blank(&cmd) == -1 || parse_id(&cmd) == 0)
		return;
	while (parse_astring(&cmd, &out) == 0 && parse_blank(&cmd) == 0)
		;
}

/* Every prefix and every changed byte of good input, in blocks of exact size. */
static void test_every_prefix_and_change(void **state)
{
	static const char *const samples[] = {
		"a LOGIN {3}\r\nabc \"d\\\"e\"\r\n",
		"a ID (\"name\" NIL \"v\" {1+}\r\nx)\r\n",
		"a AUTHENTICATE PLAIN AGEAYg==\r\n",
	};

	(void)state;
	for (size_t k = 0; k < sizeof samples / sizeof *samples; k++) {
		struct str s = str_of(samples[k]);

		for (size_t n = 1; n <= s.n; n++)
			for (unsigned c = 0; c < 256; c++) {
				char *prefix = malloc(n), *whole = malloc(s.n);

				memcpy(prefix, s.p, n);
				memcpy(whole, s.p, s.n);
				prefix[n - 1] = whole[n - 1] = (char)c;
				take_apart(str_bytes(prefix, n));
				take_apart(str_bytes(whole, s.n));
				free(prefix);
				free(whole);
			}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_scan_limits),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_astrings),
		cmocka_unit_test(test_id),
		cmocka_unit_test(test_every_prefix_and_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
