/* What the resolver reads from the configuration, and what DNS lists say. */
#include "../../../../services/resolver/lists.h"
#include "../../../../services/resolver/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void server(const char *text, const char *ip, unsigned port)
{
	struct server s;
	char got[IP_TEXT];

	assert_int_equal(server_parse(str_of(text), &s), ip == NULL ? -1 : 0);
	if (ip == NULL)
		return;
	ip_format(&s.ip, got);
	assert_string_equal(got, ip);
	assert_int_equal(s.port, port);
}

static void test_servers(void **state)
{
	(void)state;
	server("192.0.2.53", "192.0.2.53", 53);
	server("[192.0.2.53]", "192.0.2.53", 53);
	server("[192.0.2.53]:5353", "192.0.2.53", 5353);
	server("2001:db8::53", "2001:db8::53", 53);
	server("[2001:db8::53]:65535", "2001:db8::53", 65535);
	server("ns.example", NULL, 0);
	server("192.0.2.53:53", NULL, 0);
	server("[192.0.2.53]:0", NULL, 0);
	server("[192.0.2.53]:65536", NULL, 0);
	server("[192.0.2.53]53", NULL, 0);
	server("[]", NULL, 0);
	server("", NULL, 0);
}

/* One setting in a file of its own; what is wrong with it, or "". */
static const char *read(const char *name, const char *value, struct settings *s)
{
	static char why[CONF_WHY];
	static struct conf *c;

	if (c != NULL)
		conf_free(c);
	c = conf_new();
	conf_set(c, NULL, name, str_of(value), "t", 7);
	why[0] = '\0';
	if (settings_read(c, s, why) == 0)
		lists_read(c, why);
	return why;
}

static void test_settings(void **state)
{
	static const char *const bad[][2] = { { "dns_forwarders", "localhost" },
		{ "dns_stub_zones", "example.org" }, { "dns_stub_zones", "=192.0.2.1" },
		{ "dns_stub_zones", "a b=192.0.2.1" }, { "dns_zone_forwarders", "example.org" },
		{ "dns_stub_zones", "example.org=" },
		{ "dns_stub_zones", "example.org=192.0.2.1,x" }, { "dns_lists", "a b" },
		{ "dns_lists", "." }, { "dns_lists", "list.test=127.0.1.2" },
		{ "dns_lists", "list.test=127.0.0.1" }, { "dns_lists", "list.test=2" } };
	struct settings s;

	(void)state;
	assert_string_equal(read("dns_timeout", "3s", &s), "");
	assert_true(s.validate && s.timeout == 3000 && s.nanchors == 2 && s.nzones == 0);
	assert_string_equal(read("dns_stub_zones", "example.org=192.0.2.1,[192.0.2.2]:54", &s), "");
	assert_int_equal(s.nzones, 2);
	assert_true(str_eq(s.zones[1].zone, STR("example.org")) && s.zones[1].server.port == 54);
	assert_string_equal(read("dns_zone_forwarders", "example.org=192.0.2.1", &s), "");
	assert_true(s.nzones == 0 && s.nforwarded == 1 && s.forwarded[0].server.port == 53);
	assert_string_equal(read("dns_trust_anchors", "x. IN DS 1 8 2 00", &s), "");
	assert_int_equal(s.nanchors, 1);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		const char *why = read(bad[i][0], bad[i][1], &s);

		assert_non_null(strstr(why, bad[i][0]));
		assert_true(strncmp(why, "t:7: ", 5) == 0);
	}
}

static void test_list_names(void **state)
{
	struct list *l;
	struct settings s;
	struct arena a;
	struct ip ip;
	struct str name;
	char longest[250];

	(void)state;
	arena_init(&a);
	assert_string_equal(read("dns_lists", "list.test", &s), "");
	assert_int_equal(lists_all(&l), 1);
	ip_parse(STR("192.0.2.77"), &ip);
	assert_true(str_eq(list_name(l, &ip, &a), STR("77.2.0.192.list.test")));
	ip_parse(STR("2001:db8::1"), &ip);
	name = list_name(l, &ip, &a);
	assert_true(
	    str_starts(name, STR("1.0.0.0.")) && str_ends(name, STR("8.b.d.0.1.0.0.2.list.test")));
	memset(longest, 'a', sizeof longest);
	longest[60] = longest[120] = longest[180] = longest[240] = '.';
	l->zone = str_bytes(longest, sizeof longest);
	assert_int_equal(list_name(l, &ip, &a).n, 0);
	arena_clear(&a);
}

static bool listed(struct list *l, const char *code)
{
	struct dns_record r = { .preference = 0 };
	struct dns_answer a = { .records = &r, .nrecords = 1 };

	ip_parse(str_of(code), &r.ip);
	return list_verdict(l, &a).family != 0;
}

static void test_codes(void **state)
{
	struct list *l;
	struct settings s;

	(void)state;
	loop_init();
	assert_string_equal(read("dns_lists", "list.test", &s), "");
	lists_all(&l);
	l->on = l->tested = true;
	assert_true(listed(l, "127.0.0.2"));
	assert_true(listed(l, "127.0.0.255"));
	assert_false(listed(l, "127.0.0.1"));
	assert_false(listed(l, "127.0.0.0"));
	assert_false(listed(l, "127.0.1.2"));
	assert_false(
	    listed(l, "192.0.2.1")); /* of whoever bought the domain of a list that has ended */
	assert_false(listed(l, "127.255.255.254"));
	assert_false(l->on);
	assert_false(listed(l, "127.0.0.2"));
	assert_string_equal(read("dns_lists", "list.test=127.0.0.2,127.0.0.10", &s), "");
	lists_all(&l);
	l->on = l->tested = true;
	assert_true(listed(l, "127.0.0.10"));
	assert_false(listed(l, "127.0.0.3"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_list_names),
		cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
