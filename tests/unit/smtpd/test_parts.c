/* The parsers and counters of smtpd alone: PROXY headers, XCLIENT, clients, the trace field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../../../smtpd/clients.h"
#include "../../../smtpd/limits.h"
#include "../../../smtpd/proxy.h"
#include "../../../smtpd/received.h"
#include "../../../smtpd/xclient.h"

static enum proxy_result parse(struct str in, char out[IP_TEXT], size_t *used)
{
	char *copy = malloc(in.n + !in.n);
	struct ip ip = { 0 };
	enum proxy_result r;

	memcpy(copy, in.p, in.n);
	*used = 0;
	r = proxy_parse(str_bytes(copy, in.n), &ip, used);
	ip_format(&ip, out);
	free(copy);
	return r;
}

static void check_proxy(struct str in, enum proxy_result expect, const char *client)
{
	char text[IP_TEXT];
	size_t used;

	/* every prefix of a good header asks for more */
	for (size_t n = 0; n < in.n; n++) {
		enum proxy_result r = parse(str_take(in, n), text, &used);

		assert_true(r == PROXY_MORE || expect == PROXY_BAD);
	}
	assert_int_equal(parse(in, text, &used), expect);
	assert_string_equal(expect == PROXY_CLIENT ? text : "", client);
	assert_true(expect == PROXY_BAD || expect == PROXY_MORE || used == in.n);
}

#define SIGNATURE  "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(lit) str_bytes("" lit, sizeof(lit) - 1)

static void test_proxy(void **state)
{
	(void)state;
	check_proxy(STR("PROXY TCP4 192.0.2.1 192.0.2.2 1 65535\r\n"), PROXY_CLIENT, "192.0.2.1");
	check_proxy(STR("PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n"), PROXY_CLIENT, "2001:db8::1");
	check_proxy(
	    STR("PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 2\r\n"), PROXY_CLIENT, "192.0.2.1");
	check_proxy(STR("PROXY UNKNOWN\r\n"), PROXY_OWN, "");
	check_proxy(STR("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), PROXY_OWN, "");
	check_proxy(STR("PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n"), PROXY_BAD, "");
	check_proxy(STR("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"), PROXY_BAD, "");
	check_proxy(STR("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"), PROXY_BAD, "");
	check_proxy(STR("PROXY TCP4 2001:db8::1 192.0.2.2 1 2\r\n"), PROXY_BAD, "");
	check_proxy(STR("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"), PROXY_BAD, "");
	check_proxy(STR("PROXY TCP4 999.0.2.1 192.0.2.2 1 2\r\n"), PROXY_BAD, "");
	check_proxy(STR("PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n"), PROXY_BAD, "");
	check_proxy(STR("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"), PROXY_BAD, "");
	check_proxy(STR("PROXY \r\n"), PROXY_BAD, "");
	check_proxy(STR("EHLO x\r\n"), PROXY_BAD, "");
	check_proxy(BYTES(SIGNATURE "\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\0\1\0\2"),
	    PROXY_CLIENT, "192.0.2.1");
	check_proxy(BYTES(SIGNATURE "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
				    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x08\0\1\0\2"),
	    PROXY_CLIENT, "2001:db8::7");
	check_proxy(BYTES(SIGNATURE "\x20\0\0\0"), PROXY_OWN, "");
	check_proxy(
	    BYTES(SIGNATURE "\x20\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\0\1\0\2"), PROXY_OWN, "");
	check_proxy(BYTES(SIGNATURE "\x21\0\0\x03xyz"), PROXY_OWN, "");
	check_proxy(
	    BYTES(SIGNATURE "\x21\x11\0\x0b\xc0\0\x02\x01\xc0\0\x02\x02\0\1\0"), PROXY_BAD, "");
	check_proxy(BYTES(SIGNATURE "\x22\x11\0\x0c"), PROXY_BAD, "");
	check_proxy(BYTES(SIGNATURE "\x11\x11\0\x0c"), PROXY_BAD, "");
	check_proxy(BYTES(SIGNATURE "\x21\x11\xff\xff"), PROXY_BAD, "");
	check_proxy(
	    BYTES(SIGNATURE "\x21\x31\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\0\1\0\2"), PROXY_BAD, "");
}

static void test_xclient(void **state)
{
	struct xclient x;
	const char *why;
	char text[IP_TEXT];

	(void)state;
	assert_int_equal(
	    xclient_parse(STR("ADDR=192.0.2.9 helo=a+2Bb LOGIN=[UNAVAILABLE] PORT=4"), &x, &why),
	    0);
	ip_format(&x.ip, text);
	assert_string_equal(text, "192.0.2.9");
	assert_string_equal(x.helo, "a+b");
	assert_string_equal(x.login, "");
	assert_int_equal(xclient_parse(STR("ADDR=IPV6:2001:db8::1"), &x, &why), 0);
	assert_int_equal(x.ip.family, 6);
	assert_int_equal(xclient_parse(STR(""), &x, &why), -1);
	assert_int_equal(xclient_parse(STR("ADDR"), &x, &why), -1);
	assert_int_equal(xclient_parse(STR("ADDR=x"), &x, &why), -1);
	assert_int_equal(xclient_parse(STR("HELO=+0A"), &x, &why), -1);
	assert_int_equal(xclient_parse(STR("PROTO=HTTP"), &x, &why), -1);
	assert_int_equal(xclient_parse(STR("FOO=1"), &x, &why), -1);
}

static struct client *open_client(const char *address, uint64_t now)
{
	struct ip ip;

	assert_int_equal(ip_parse(str_of(address), &ip), 0);
	return client_open(&ip, now);
}

static void test_clients(void **state)
{
	struct client *a = open_client("192.0.2.1", 1000), *b;

	(void)state;
	b = open_client("192.0.2.1", 1000);
	assert_ptr_equal(a, b);
	assert_int_equal(client_connections(a), 2);
	client_close(b, 1000);
	b = open_client("192.0.2.2", 1000);
	assert_ptr_not_equal(a, b);
	client_close(b, 1000);
	assert_int_equal(client_count(a, CLIENT_RCPT, 2000), 1);
	assert_int_equal(client_count(a, CLIENT_RCPT, 3000), 2);
	assert_int_equal(client_rate(a, CLIENT_RCPT, 3000), 2);
	assert_int_equal(client_rate(a, CLIENT_ERROR, 3000), 0);
	assert_int_equal(client_rate(a, CLIENT_RCPT, 1000 + TIME_RATE), 0);
	assert_int_equal(client_count(a, CLIENT_RCPT, 1000 + TIME_RATE), 1);
	client_close(a, 3000);
	/* one subscriber, many addresses */
	a = open_client("2001:db8:1:2::1", 1000);
	b = open_client("2001:db8:1:2:ffff::2", 1000);
	assert_ptr_equal(a, b);
	client_close(a, 1000);
	client_close(b, 1000);
	a = open_client("2001:db8:1:3::1", 1000);
	assert_ptr_not_equal(a, b);
	client_close(a, 1000);
}

/* Many addresses cost bounded memory, and those that hold connections are kept. */
static void test_many_clients(void **state)
{
	struct client *held = open_client("192.0.2.200", 1);
	struct ip ip = { .family = 4 };

	(void)state;
	client_count(held, CLIENT_ERROR, 1);
	for (uint32_t i = 0; i < 200000; i++) {
		memcpy(ip.bytes, &i, sizeof i);
		ip.bytes[3] = 10;
		client_close(client_open(&ip, 2), 2);
		assert_true(clients_known() <= LIMIT_CLIENTS + 1);
	}
	assert_int_equal(client_rate(held, CLIENT_ERROR, 3), 1);
	for (uint32_t i = 0; i < 70000; i++)
		client_close(open_client("192.0.2.201", 3 + TIME_RATE), 3 + TIME_RATE);
	assert_true(clients_known() < 10);
	client_close(held, 3);
}

static void test_received(void **state)
{
	struct envelope e = { .trace = 5,
		.client = STR("2001:db8::1"),
		.helo = STR("a(b)\\c\"d"),
		.protocol = STR("LMTP") };
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	received_field(&b, &e, &(struct received){ .host = "mx.example", .queue_id = 7 });
	assert_true(str_starts(buf_view(&b),
	    STR("Received: from a?b??c?d ([IPv6:2001:db8::1])\r\n\tby mx.example (Thurn, trace ")));
	assert_non_null(strstr(buf_cstr(&b), "\r\n\twith LMTP id "));
	assert_null(strstr(buf_cstr(&b), "for <"));
	assert_true(str_ends(buf_view(&b), STR("\r\n")));
	buf_reset(&b);
	received_field(&b, &e,
	    &(struct received){ .host = "mx.example", .name = "n", .queue_id = 7, .hidden = true });
	assert_true(str_starts(buf_view(&b), STR("Received: by mx.example (Thurn, trace ")));
	buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_xclient),
		cmocka_unit_test(test_clients),
		cmocka_unit_test(test_many_clients),
		cmocka_unit_test(test_received),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
