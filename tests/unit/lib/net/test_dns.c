/* DNS messages: what they mean, and that no cut or bent one is taken for more than it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "net/dns.h"
#include "net/mx.h"

static struct arena arena;
static uint8_t packet[65536];
static size_t size;

/* --- making messages ------------------------------------------------------------------------- */

static void add_u16(unsigned v)
{
	packet[size++] = (uint8_t)(v >> 8);
	packet[size++] = (uint8_t)v;
}

static void add_name(const char *text)
{
	struct str rest = str_of(text), label;

	while (text[0] != '\0' && str_cut(&rest, '.', &label)) {
		packet[size++] = (uint8_t)label.n;
		memcpy(packet + size, label.p, label.n);
		size += label.n;
	}
	packet[size++] = 0;
}

static void begin(
    const char *name, unsigned type, unsigned rcode, unsigned answers, unsigned authorities)
{
	size = 0;
	add_u16(0);
	add_u16(0x8180 | rcode);
	add_u16(1);
	add_u16(answers);
	add_u16(authorities);
	add_u16(0);
	add_name(name);
	add_u16(type);
	add_u16(1);
}

static void add_record(const char *owner, unsigned type, unsigned ttl, const void *data, size_t n)
{
	add_name(owner);
	add_u16(type);
	add_u16(1);
	add_u16(0);
	add_u16(ttl);
	add_u16((unsigned)n);
	memcpy(packet + size, data, n);
	size += n;
}

/* A record whose data is a number, if not -1, and a name. */
static void add_named(const char *owner, unsigned type, unsigned ttl, int number, const char *name)
{
	uint8_t data[300];
	size_t n = 0, at = size;

	if (number >= 0) {
		data[n++] = (uint8_t)(number >> 8);
		data[n++] = (uint8_t)number;
	}
	add_name(name);
	memcpy(data + n, packet + at, size - at);
	n += size - at;
	size = at;
	add_record(owner, type, ttl, data, n);
}

/* Read out of a block of its own size, so that a tool sees each byte too far. */
static struct dns_answer parse_n(const char *name, uint16_t type, size_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);
	struct dns_answer a;

	memcpy(copy, packet, n);
	dns_parse(str_bytes(copy, n), str_of(name), type, &arena, &a);
	free(copy);
	return a;
}

static struct dns_answer parse(const char *name, uint16_t type)
{
	return parse_n(name, type, size);
}

static void is(struct str s, const char *text)
{
	assert_int_equal(s.n, strlen(text));
	assert_memory_equal(s.p, text, s.n);
}

/* Whatever is cut off, there is no answer. */
static void check_prefixes(const char *name, uint16_t type)
{
	for (size_t n = 0; n < size; n++)
		assert_int_equal(parse_n(name, type, n).status, DNS_MALFORMED);
}

/* --- records --------------------------------------------------------------------------------- */

static void test_mx(void **state)
{
	struct dns_answer a;

	(void)state;
	begin("Example.TEST", DNS_MX, 0, 2, 0);
	add_named("example.test", DNS_MX, 300, 20, "B.example.test");
	add_named("example.test", DNS_MX, 200, 10, "a.example.test");
	a = parse("example.test", DNS_MX);
	assert_int_equal(a.status, DNS_OK);
	assert_int_equal(a.nrecords, 2);
	assert_int_equal(a.records[0].preference, 20);
	is(a.records[0].text, "b.example.test");
	is(a.records[1].text, "a.example.test");
	assert_int_equal(a.ttl, 200);
	assert_int_equal(a.canonical.n, 0);
	check_prefixes("example.test", DNS_MX);
	/* RFC 7505 */
	begin("null.test", DNS_MX, 0, 1, 0);
	add_named("null.test", DNS_MX, 300, 0, "");
	a = parse("null.test", DNS_MX);
	assert_int_equal(a.nrecords, 1);
	is(a.records[0].text, ".");
}

static void test_addresses(void **state)
{
	static const uint8_t four[] = { 192, 0, 2, 1, 9 },
			     six[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	struct dns_answer a;
	char text[IP_TEXT];

	(void)state;
	begin("a.test", DNS_A, 0, 1, 0);
	add_record("a.test", DNS_A, 5, four, 4);
	a = parse("a.test", DNS_A);
	ip_format(&a.records[0].ip, text);
	assert_string_equal(text, "192.0.2.1");
	check_prefixes("a.test", DNS_A);
	begin("a.test", DNS_AAAA, 0, 1, 0);
	add_record("a.test", DNS_AAAA, 5, six, 16);
	a = parse("a.test", DNS_AAAA);
	ip_format(&a.records[0].ip, text);
	assert_string_equal(text, "2001:db8::1");
	begin("a.test", DNS_A, 0, 1, 0);
	add_record("a.test", DNS_A, 5, four, 5);
	assert_int_equal(parse("a.test", DNS_A).status, DNS_MALFORMED);
	begin("a.test", DNS_A, 0, 1, 0);
	add_record("a.test", DNS_A, 5, four, 3);
	assert_int_equal(parse("a.test", DNS_A).status, DNS_MALFORMED);
}

static void test_txt_and_tlsa(void **state)
{
	struct dns_answer a;

	(void)state;
	begin("t.test", DNS_TXT, 0, 2, 0);
	add_record("t.test", DNS_TXT, 5, "\3one\0\4 two", 10);
	add_record("t.test", DNS_TXT, 5, "\0", 1);
	a = parse("t.test", DNS_TXT);
	is(a.records[0].text, "one two");
	assert_int_equal(a.nrecords, 2);
	assert_int_equal(a.records[1].text.n, 0);
	check_prefixes("t.test", DNS_TXT);
	begin("t.test", DNS_TXT, 0, 1, 0);
	add_record("t.test", DNS_TXT, 5, "\4one", 4);
	assert_int_equal(parse("t.test", DNS_TXT).status, DNS_MALFORMED);
	begin("t.test", DNS_TLSA, 0, 1, 0);
	add_record("t.test", DNS_TLSA, 5, "\3\1\2xyz", 6);
	a = parse("t.test", DNS_TLSA);
	assert_int_equal(a.records[0].usage, 3);
	assert_int_equal(a.records[0].selector, 1);
	assert_int_equal(a.records[0].matching, 2);
	is(a.records[0].text, "xyz");
	for (size_t n = 0; n < 4; n++) {
		begin("t.test", DNS_TLSA, 0, 1, 0);
		add_record("t.test", DNS_TLSA, 5, "\3\1\2x", n);
		assert_int_equal(parse("t.test", DNS_TLSA).status, DNS_MALFORMED);
	}
}

/* Names that no host has are passed over; when there are no others, nobody is there. */
static void test_odd_names(void **state)
{
	struct dns_answer a;

	(void)state;
	begin("o.test", DNS_MX, 0, 2, 0);
	add_named("o.test", DNS_MX, 300, 1, "a b.test");
	add_named("o.test", DNS_MX, 300, 2, "good.test");
	a = parse("o.test", DNS_MX);
	assert_int_equal(a.nrecords, 1);
	is(a.records[0].text, "good.test");
	begin("o.test", DNS_PTR, 0, 1, 0);
	add_named("o.test", DNS_PTR, 300, -1, "a\n.test");
	assert_int_equal(parse("o.test", DNS_PTR).status, DNS_MALFORMED);
}

/* --- aliases --------------------------------------------------------------------------------- */

static void alias_chain(int n)
{
	char from[16], to[16];

	begin("c0.test", DNS_A, 0, (unsigned)n + 1, 0);
	/* in the wrong order, which is allowed */
	for (int i = n; i > 0; i--) {
		snprintf(from, sizeof from, "c%d.test", i - 1);
		snprintf(to, sizeof to, "c%d.test", i);
		add_named(from, DNS_CNAME, 100 - (unsigned)i, -1, to);
	}
	snprintf(to, sizeof to, "c%d.test", n);
	add_record(to, DNS_A, 500, "\1\2\3\4", 4);
}

static void test_aliases(void **state)
{
	struct dns_answer a;

	(void)state;
	alias_chain(DNS_ALIASES_MAX);
	a = parse("c0.test", DNS_A);
	assert_int_equal(a.status, DNS_OK);
	is(a.canonical, "c8.test");
	assert_int_equal(a.ttl, 92);
	alias_chain(DNS_ALIASES_MAX + 1);
	assert_int_equal(parse("c0.test", DNS_A).status, DNS_MALFORMED);
	begin("l.test", DNS_A, 0, 1, 0);
	add_named("l.test", DNS_CNAME, 100, -1, "l.test");
	assert_int_equal(parse("l.test", DNS_A).status, DNS_MALFORMED);
	/* asked for, an alias is a record like others */
	begin("l.test", DNS_CNAME, 0, 1, 0);
	add_named("l.test", DNS_CNAME, 100, -1, "other.test");
	a = parse("l.test", DNS_CNAME);
	is(a.records[0].text, "other.test");
	/* an answer to somebody else */
	begin("l.test", DNS_A, 0, 1, 0);
	add_record("other.test", DNS_A, 500, "\1\2\3\4", 4);
	a = parse("l.test", DNS_A);
	assert_int_equal(a.status, DNS_NODATA);
	assert_int_equal(a.nrecords, 0);
}

/* --- nothing there --------------------------------------------------------------------------- */

static void add_soa(const char *zone, unsigned ttl, unsigned minimum)
{
	uint8_t data[] = { 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0,
		(uint8_t)(minimum >> 8), (uint8_t)minimum };

	add_record(zone, 6, ttl, data, sizeof data);
}

static void test_nothing(void **state)
{
	struct dns_answer a;

	(void)state;
	begin("no.test", DNS_MX, 3, 0, 1);
	add_soa("test", 900, 60);
	a = parse("no.test", DNS_MX);
	assert_int_equal(a.status, DNS_NXDOMAIN);
	assert_int_equal(a.ttl, 60);
	check_prefixes("no.test", DNS_MX);
	begin("no.test", DNS_MX, 0, 0, 1);
	add_soa("test", 30, 60);
	a = parse("no.test", DNS_MX);
	assert_int_equal(a.status, DNS_NODATA);
	assert_int_equal(a.ttl, 30);
	/* without an SOA record it is not remembered */
	begin("no.test", DNS_MX, 0, 0, 0);
	assert_int_equal(parse("no.test", DNS_MX).ttl, 0);
	begin("no.test", DNS_MX, 2, 0, 0);
	assert_int_equal(parse("no.test", DNS_MX).status, DNS_TEMPORARY);
	begin("no.test", DNS_MX, 0, 0, 0);
	packet[2] |= 2; /* cut off by the server */
	assert_int_equal(parse("no.test", DNS_MX).status, DNS_TEMPORARY);
}

static void test_other_questions(void **state)
{
	(void)state;
	begin("a.test", DNS_A, 0, 0, 0);
	assert_int_equal(parse("b.test", DNS_A).status, DNS_MALFORMED);
	assert_int_equal(parse("a.test", DNS_MX).status, DNS_MALFORMED);
	packet[2] = 0; /* a query */
	assert_int_equal(parse("a.test", DNS_A).status, DNS_MALFORMED);
}

/* --- pointers -------------------------------------------------------------------------------- */

/* An A record whose owner is these bytes. */
static struct dns_answer with_owner(const char *bytes, size_t n)
{
	begin("p.test", DNS_A, 0, 1, 0);
	memcpy(packet + size, bytes, n);
	size += n;
	add_u16(DNS_A);
	add_u16(1);
	add_u16(0);
	add_u16(60);
	add_u16(4);
	memcpy(packet + size, "\1\2\3\4", 4);
	size += 4;
	return parse("p.test", DNS_A);
}

static void test_pointers(void **state)
{
	(void)state;
	assert_int_equal(with_owner("\xc0\x0c", 2).nrecords, 1);
	assert_int_equal(with_owner("\1p\xc0\x0e", 4).nrecords, 1);
	assert_int_equal(with_owner("\xc0\x18", 2).status, DNS_MALFORMED); /* itself */
	assert_int_equal(with_owner("\1p\xc0\x18", 4).status, DNS_MALFORMED); /* a loop */
	assert_int_equal(with_owner("\xc0\x20", 2).status, DNS_MALFORMED); /* forward */
	assert_int_equal(with_owner("\xff\xff", 2).status, DNS_MALFORMED); /* beyond the end */
	assert_int_equal(with_owner("\x80\x0c", 2).status, DNS_MALFORMED); /* reserved */
	assert_int_equal(with_owner("\x40", 1).status, DNS_MALFORMED);
}

/* A name of more than 255 bytes, made of pieces that are fine each. */
static void test_long_names(void **state)
{
	char name[300];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 4; i++) {
		name[n++] = 62;
		memset(name + n, 'x', 62);
		n += 62;
	}
	memcpy(name + n, "\xc0\x0c", 2);
	assert_int_equal(with_owner(name, n + 2).status, DNS_MALFORMED);
	memset(name, 'a', 253);
	name[63] = name[127] = name[191] = '.';
	assert_true(dns_name_valid((struct str){ name, 253 }));
	assert_false(dns_name_valid((struct str){ name, 254 }));
	name[63] = 'a';
	assert_false(dns_name_valid((struct str){ name, 253 }));
	assert_true(dns_name_valid(STR(".")));
	assert_false(dns_name_valid(STR("a..b")));
	assert_false(dns_name_valid(STR("a.b.")));
	assert_false(dns_name_valid(STR("a b")));
	assert_false(dns_name_valid(STR("")));
}

static void test_reverse(void **state)
{
	struct ip ip;
	char out[DNS_REVERSE_MAX];

	(void)state;
	ip_parse(STR("192.0.2.1"), &ip);
	dns_reverse(&ip, out);
	assert_string_equal(out, "1.2.0.192.in-addr.arpa");
	ip_parse(STR("2001:db8::567:89ab"), &ip);
	dns_reverse(&ip, out);
	assert_string_equal(
	    out, "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

/* --- preferences ----------------------------------------------------------------------------- */

static void test_mx_order(void **state)
{
	static const uint16_t preferences[] = { 20, 10, 10, 65535, 0, 10 };
	uint64_t seed = 1, again;
	unsigned first[6] = { 0 };
	uint16_t order[6], same[6];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		again = seed;
		mx_order(preferences, 6, &seed, order);
		mx_order(preferences, 6, &again, same);
		assert_memory_equal(order, same, sizeof order);
		assert_int_equal(order[0], 4);
		assert_int_equal(order[4], 0);
		assert_int_equal(order[5], 3);
		first[order[1]]++;
	}
	/* each of the equal ones is the first of them about as often */
	for (int i = 0; i < 6; i++)
		assert_true(
		    preferences[i] == 10 ? first[i] > 850 && first[i] < 1150 : first[i] == 0);
	mx_order(preferences, 0, &seed, order);
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_clear(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mx),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_txt_and_tlsa),
		cmocka_unit_test(test_odd_names),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_other_questions),
		cmocka_unit_test(test_pointers),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_reverse),
		cmocka_unit_test(test_mx_order),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
