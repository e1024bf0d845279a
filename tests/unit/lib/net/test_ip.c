/* Numeric addresses and networks. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net/ip.h"

static void check(const char *in, const char *expect)
{
	struct ip ip;
	char text[IP_TEXT];

	assert_int_equal(ip_parse(str_of(in), &ip), expect == NULL ? -1 : 0);
	ip_format(&ip, text);
	assert_string_equal(text, expect == NULL ? "" : expect);
}

static void test_parse(void **state)
{
	(void)state;
	check("192.0.2.1", "192.0.2.1");
	check("[192.0.2.1]", "192.0.2.1");
	check("::ffff:192.0.2.1", "192.0.2.1");
	check("2001:DB8:0::1", "2001:db8::1");
	check("[IPv6:2001:db8::1]", "2001:db8::1");
	check("999.1.1.1", NULL);
	check("1.2.3", NULL);
	check("", NULL);
	check("[", NULL);
	check(":::::1", NULL);
	check("fe80::1%eth0", NULL);
	check("0000:0000:0000:0000:0000:0000:0000:0000:0000:0001", NULL);
}

static bool match(const char *net, const char *addr)
{
	struct cidr c;
	struct ip ip;

	assert_int_equal(cidr_parse(str_of(net), &c), 0);
	assert_int_equal(ip_parse(str_of(addr), &ip), 0);
	return cidr_match(&c, &ip);
}

static void test_cidr(void **state)
{
	static const char *const bad[] = { "192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/",
		"192.0.2.0/-1", "/8", "2001:db8::/129", "x/8", "2001:db8::1/32",
		"192.0.2.0/24/24" };
	struct cidr c;

	(void)state;
	assert_true(match("192.0.2.0/24", "192.0.2.255"));
	assert_false(match("192.0.2.0/24", "192.0.3.0"));
	assert_true(match("192.0.2.128/25", "192.0.2.200"));
	assert_false(match("192.0.2.128/25", "192.0.2.127"));
	assert_true(match("192.0.2.1", "192.0.2.1"));
	assert_true(match("192.0.2.1", "::ffff:192.0.2.1"));
	assert_true(match("0.0.0.0/0", "203.0.113.9"));
	assert_false(match("0.0.0.0/0", "2001:db8::1"));
	assert_true(match("::/0", "2001:db8::1"));
	assert_true(match("[2001:db8::]/32", "2001:db8:ffff::1"));
	assert_true(match("::ffff:192.0.2.0/120", "192.0.2.7"));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(cidr_parse(str_of(bad[i]), &c), -1);
}

static void test_sockaddr(void **state)
{
	static const struct {
		const char *text;
		sa_family_t family;
		unsigned size;
	} rows[] = { { "192.0.2.1", AF_INET, sizeof(struct sockaddr_in) },
		{ "2001:db8::1", AF_INET6, sizeof(struct sockaddr_in6) } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sockaddr_storage ss;
		struct ip ip, back;

		assert_int_equal(ip_parse(str_of(rows[i].text), &ip), 0);
		assert_int_equal(ip_to_sockaddr(&ip, 25, &ss), rows[i].size);
		assert_int_equal(ss.ss_family, rows[i].family);
		/* the port has the same place in both */
		assert_int_equal(ntohs(((struct sockaddr_in *)&ss)->sin_port), 25);
		ip_from_sockaddr((struct sockaddr *)&ss, &back);
		assert_memory_equal(&back, &ip, sizeof ip);
	}
}

static void test_loopback(void **state)
{
	struct ip ip;

	(void)state;
	ip_parse(STR("127.3.2.1"), &ip);
	assert_true(ip_loopback(&ip));
	ip_parse(STR("::1"), &ip);
	assert_true(ip_loopback(&ip));
	ip_parse(STR("192.0.2.1"), &ip);
	assert_false(ip_loopback(&ip));
}

static void test_public(void **state)
{
	static const char *const yes[] = { "8.8.8.8", "1.1.1.1", "193.0.0.1", "172.32.0.1",
		"100.128.0.1", "223.255.255.255", "2a00:1450::1", "2001:4860:4860::8888",
		"64:ff9b::808:808" };
	static const char *const no[] = { "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1",
		"169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.2.1", "192.168.0.1",
		"198.19.0.1", "203.0.113.1", "224.0.0.1", "255.255.255.255", "::", "::1",
		"::ffff:10.0.0.1", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1",
		"2001::1", "2002:a00:1::", "64:ff9b::a00:1", "64:ff9b:1::808:808", "100::1",
		"fec0::1" };
	struct ip ip = { .family = 0 };

	(void)state;
	assert_false(ip_public(&ip));
	for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
		assert_int_equal(ip_parse(str_of(yes[i]), &ip), 0);
		assert_true(ip_public(&ip));
	}
	for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
		assert_int_equal(ip_parse(str_of(no[i]), &ip), 0);
		assert_false(ip_public(&ip));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_cidr),
		cmocka_unit_test(test_sockaddr),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_public),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
