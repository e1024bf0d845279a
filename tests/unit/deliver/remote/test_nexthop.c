/* Next hops and the commands that carry addresses to them. */
#include "../../../../deliver/remote/command.h"
#include "../../../../deliver/remote/nexthop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_forms(void **state)
{
	static const struct {
		const char *in, *host;
		unsigned port, family;
		bool bracketed;
	} good[] = {
		{ "[Relay.example.org]:2525", "relay.example.org", 2525, 0, true },
		{ "[relay.example.org]", "relay.example.org", 25, 0, true },
		{ "relay.example.org", "relay.example.org", 25, 0, false },
		{ "relay.example.org:26", "relay.example.org", 26, 0, false },
		{ "[192.0.2.1]:10025", "192.0.2.1", 10025, 4, true },
		{ "192.0.2.1", "192.0.2.1", 25, 4, false },
		{ "[IPv6:2001:db8::1]:24", "2001:db8::1", 24, 6, true },
		{ "[2001:DB8::1]", "2001:db8::1", 25, 6, true },
		{ "localhost:65535", "localhost", 65535, 0, false },
		{ "B\xc3\xbc"
		  "cher.example:26",
		    "xn--bcher-kva.example", 26, 0, false },
		{ "[xn--bcher-kva.example]", "xn--bcher-kva.example", 25, 0, true },
		{ "unix:/run/Lmtp", "unix:/run/Lmtp", 25, 0, false },
	};
	static const char *const bad[] = { "", "[", "[]", "[a", "[a]b", "[a]:", "[a]:0",
		"[a]:65536", "[a]:25x", "a:", ":25", "a b", "a\r\nb", "2001:db8::1", "[a]]",
		"unix:x", "unix:", "a/b", "[a:b]", "\xfc.example" };
	char longest[300];
	struct nexthop h;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_int_equal(nexthop_parse(str_of(good[i].in), 25, &h), 0);
		assert_string_equal(h.host, good[i].host);
		assert_int_equal(h.port, good[i].port);
		assert_int_equal(h.ip.family, good[i].family);
		assert_int_equal(h.bracketed, good[i].bracketed);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (nexthop_parse(str_of(bad[i]), 25, &h) != -1)
			fail_msg("accepted: %s", bad[i]);
	memset(longest, 'a', sizeof longest);
	assert_int_equal(nexthop_parse(str_bytes(longest, HOP_HOST_MAX), 25, &h), 0);
	assert_int_equal(nexthop_parse(str_bytes(longest, HOP_HOST_MAX + 1), 25, &h), -1);
}

static void test_static_hosts(void **state)
{
	struct conf *c = conf_new();
	const struct addresses *found;
	char text[IP_TEXT];

	(void)state;
	conf_set(c, NULL, "static_hosts", STR("MX.test=192.0.2.7,2001:db8::7"), "t", 1);
	assert_int_equal(nexthop_configure(c), 0);
	found = nexthop_static("mx.test");
	assert_non_null(found);
	assert_int_equal(found->n, 2);
	ip_format(&found->ip[0], text);
	assert_string_equal(text, "192.0.2.7");
	ip_format(&found->ip[1], text);
	assert_string_equal(text, "2001:db8::7");
	assert_int_equal(nexthop_static("localhost")->n, 2);
	assert_null(nexthop_static("other.test"));
	conf_free(c);
	/* a table that cannot be read leaves the old one in force */
	c = conf_new();
	conf_set(c, NULL, "static_hosts", STR("mx.test=mail"), "t", 1);
	assert_int_equal(nexthop_configure(c), -1);
	conf_free(c);
	assert_non_null(nexthop_static("mx.test"));
}

static void check(struct buf *b, const char *want)
{
	assert_string_equal(buf_cstr(b), want);
	buf_reset(b);
}

static void test_commands(void **state)
{
	struct caps none = { 0 };
	struct caps all = { .size = true, .eightbit = true, .utf8 = true, .dsn = true };
	struct mail_needs needs = { .eightbit = true, .utf8 = true, .size = 1234 };
	struct deliver_job j = {
		.sender = STR("a@b.example"), .ret = RET_HDRS, .envid = STR("x=1+2")
	};
	struct deliver_rcpt r = { .addr = STR("\"c d\"@e.example"),
		.notify = NOTIFY_SUCCESS | NOTIFY_DELAY,
		.orcpt = STR("rfc822;o p+q@e.example") };
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(command_mail(&b, &j, &none, &needs), 0);
	check(&b, "MAIL FROM:<a@b.example>\r\n");
	assert_int_equal(command_mail(&b, &j, &all, &needs), 0);
	check(&b, "MAIL FROM:<a@b.example> SIZE=1234 BODY=8BITMIME SMTPUTF8 RET=HDRS "
		  "ENVID=x+3D1+2B2\r\n");
	assert_int_equal(command_rcpt(&b, &r, &none), 0);
	check(&b, "RCPT TO:<\"c d\"@e.example>\r\n");
	assert_int_equal(command_rcpt(&b, &r, &all), 0);
	check(&b, "RCPT TO:<\"c d\"@e.example> NOTIFY=SUCCESS,DELAY "
		  "ORCPT=rfc822;o+20p+2Bq@e.example\r\n");
	/* nothing that is no line of one command leaves this process */
	r.addr = STR("a@b>\r\nDATA");
	assert_int_equal(command_rcpt(&b, &r, &none), -1);
	j.sender = STR("a\n@b");
	assert_int_equal(command_mail(&b, &j, &none, &needs), -1);
	r = (struct deliver_rcpt){ .addr = STR("a@b"), .orcpt = STR("rf c;x") };
	buf_reset(&b);
	assert_int_equal(command_rcpt(&b, &r, &all), 0);
	check(&b, "RCPT TO:<a@b>\r\n");
	buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_static_hosts),
		cmocka_unit_test(test_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
