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
	};
	static const char *const bad[] = { "", "[", "[]", "[a", "[a]b", "[a]:", "[a]:0",
		"[a]:65536", "[a]:25x", "a:", ":25", "a b", "a\r\nb", "2001:db8::1", "[a]]",
		"unix:/x", "a/b", "[a:b]" };
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

static struct addresses answer;
static struct status reason;
static int answers;

static void on_answer(void *arg, const struct addresses *found, const struct status *st)
{
	(void)arg;
	answer = *found;
	reason = *st;
	answers++;
}

static void ask(const char *text)
{
	struct resolve r = { 0 };
	struct nexthop h;

	assert_int_equal(nexthop_parse(str_of(text), 25, &h), 0);
	answers = 0;
	nexthop_resolve(&r, &h, on_answer, NULL);
	assert_int_equal(answers, 0);
	while (answers == 0)
		loop_poll();
}

static void test_resolve(void **state)
{
	struct conf *c = conf_new();
	char text[IP_TEXT];

	(void)state;
	conf_set(c, NULL, "static_hosts", STR("MX.test=192.0.2.7,2001:db8::7"), "t", 1);
	assert_int_equal(nexthop_configure(c), 0);
	ask("[mx.TEST]:26");
	assert_int_equal(answer.n, 2);
	ip_format(&answer.ip[0], text);
	assert_string_equal(text, "192.0.2.7");
	ip_format(&answer.ip[1], text);
	assert_string_equal(text, "2001:db8::7");
	ask("localhost");
	assert_int_equal(answer.n, 2);
	ask("[IPv6:::1]:25");
	assert_int_equal(answer.n, 1);
	ask("other.test");
	assert_int_equal(answer.n, 0);
	assert_int_equal(reason.code, 451);
	assert_string_equal(reason.enhanced, "4.4.3");
	conf_free(c);
	/* a table that cannot be read leaves the old one in force */
	c = conf_new();
	conf_set(c, NULL, "static_hosts", STR("mx.test=mail"), "t", 1);
	assert_int_equal(nexthop_configure(c), -1);
	conf_free(c);
	ask("mx.test");
	assert_int_equal(answer.n, 2);
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

static int setup(void **state)
{
	(void)state;
	loop_init();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_commands),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
