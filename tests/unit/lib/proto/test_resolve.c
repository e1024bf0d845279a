/* The messages of services/resolver: what is put comes out, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "proto/deliver.h"
#include "proto/resolve.h"

static void test_questions(void **state)
{
	struct resolve_question q = { 7, STR("example.test"), { DNS_MX, DNS_AAAA }, 2 }, p;
	struct mail_question m = { 9, STR("example.test"), true }, o;
	struct put w = put_start();
	struct get g;

	(void)state;
	put_resolve_question(&w, &q);
	for (size_t n = 0; n <= w.n + 1; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_resolve_question(&g, &p), n == w.n ? 0 : -1);
	}
	g = get_start(put_view(&w));
	assert_int_equal(get_resolve_question(&g, &p), 0);
	assert_true(p.trace == 7 && str_eq(p.name, q.name) && p.ntypes == 2);
	assert_true(p.types[0] == DNS_MX && p.types[1] == DNS_AAAA);
	/* a name that cannot be asked for, and a type that nobody decodes */
	q.name = STR("a b");
	w = put_start();
	put_resolve_question(&w, &q);
	g = get_start(put_view(&w));
	assert_int_equal(get_resolve_question(&g, &p), -1);
	q.name = STR("a");
	q.types[1] = 255;
	w = put_start();
	put_resolve_question(&w, &q);
	g = get_start(put_view(&w));
	assert_int_equal(get_resolve_question(&g, &p), -1);

	w = put_start();
	put_mail_question(&w, &m);
	for (size_t n = 0; n <= w.n + 1; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_mail_question(&g, &o), n == w.n ? 0 : -1);
	}
	g = get_start(put_view(&w));
	assert_int_equal(get_mail_question(&g, &o), 0);
	assert_true(o.trace == 9 && str_eq(o.domain, m.domain) && o.host);
}

static void test_reply(void **state)
{
	struct dns_record mx = { .preference = 10, .text = STR("mx.example.test") };
	struct dns_record tlsa = {
		.usage = 3, .selector = 1, .matching = 2, .text = STR("\0data")
	};
	struct resolve_reply r = { .n = 2, .why = STR("no reason") }, s;
	struct arena a;
	struct put w = put_start();
	struct get g;

	(void)state;
	arena_init(&a);
	r.answers[0] = (struct dns_answer){ .type = DNS_MX,
		.security = DNS_SECURE,
		.ttl = 60,
		.canonical = STR("other.test"),
		.records = &mx,
		.nrecords = 1 };
	r.answers[1] = (struct dns_answer){ .type = DNS_TLSA,
		.status = DNS_OK,
		.canonical = STR_NONE,
		.records = &tlsa,
		.nrecords = 1 };
	put_resolve_reply(&w, &r);
	for (size_t n = 0; n <= w.n + 1; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_resolve_reply(&g, &a, &s), n == w.n ? 0 : -1);
	}
	g = get_start(put_view(&w));
	assert_int_equal(get_resolve_reply(&g, &a, &s), 0);
	assert_true(s.n == 2 && str_eq(s.why, r.why));
	assert_true(s.answers[0].security == DNS_SECURE && s.answers[0].ttl == 60);
	assert_true(str_eq(s.answers[0].canonical, STR("other.test")) && !s.answers[0].more);
	assert_true(s.answers[0].records[0].preference == 10);
	assert_true(str_eq(s.answers[0].records[0].text, mx.text));
	assert_true(s.answers[1].records[0].matching == 2);
	assert_true(str_eq(s.answers[1].records[0].text, tlsa.text));
	arena_clear(&a);
}

/* More than a packet takes is left out, and that is said. */
static void test_too_much(void **state)
{
	static struct dns_record records[DNS_RECORDS_MAX];
	static char text[255];
	struct resolve_reply r = { .n = RESOLVE_TYPES_MAX, .why = STR_NONE }, s;
	struct arena a;
	struct put w = put_start();
	struct get g;

	(void)state;
	arena_init(&a);
	memset(text, 'x', sizeof text);
	for (int i = 0; i < DNS_RECORDS_MAX; i++)
		records[i].text = str_bytes(text, sizeof text);
	for (int i = 0; i < RESOLVE_TYPES_MAX; i++)
		r.answers[i] = (struct dns_answer){ .type = DNS_TXT,
			.canonical = STR_NONE,
			.records = records,
			.nrecords = DNS_RECORDS_MAX };
	put_resolve_reply(&w, &r);
	assert_false(w.bad);
	g = get_start(put_view(&w));
	assert_int_equal(get_resolve_reply(&g, &a, &s), 0);
	for (int i = 0; i < RESOLVE_TYPES_MAX; i++) {
		assert_true(s.answers[i].more);
		assert_true(s.answers[i].nrecords > 30 && s.answers[i].nrecords < DNS_RECORDS_MAX);
	}
	arena_clear(&a);
}

static void test_mail(void **state)
{
	static struct mail_host hosts[MAIL_HOSTS_MAX];
	static struct ip ips[MAIL_ADDRESSES_MAX];
	static char name[DNS_NAME_MAX];
	struct mail_reply r = { .security = DNS_SECURE,
		.ttl = 5,
		.why = STR("w"),
		.hosts = hosts,
		.nhosts = 2 },
			  s;
	struct arena a;
	struct put w = put_start();
	struct get g;

	(void)state;
	arena_init(&a);
	for (int i = 0; i < MAIL_ADDRESSES_MAX; i++)
		ips[i] = (struct ip){ .family = 6, .bytes = { [15] = (uint8_t)i } };
	ips[0] = (struct ip){ .family = 4, .bytes = { 192, 0, 2, 1 } };
	hosts[0] = (struct mail_host){ .preference = 10,
		.name = STR("a.test"),
		.status = DNS_OK,
		.security = DNS_INSECURE,
		.canonical = STR("b.test"),
		.alias = DNS_SECURE,
		.ips = ips,
		.nips = 2 };
	hosts[1] = (struct mail_host){ .name = STR("c.test"),
		.status = DNS_TEMPORARY,
		.unasked = true,
		.canonical = STR_NONE };
	put_mail_reply(&w, &r);
	for (size_t n = 0; n <= w.n + 1; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_mail_reply(&g, &a, &s), n == w.n ? 0 : -1);
	}
	g = get_start(put_view(&w));
	assert_int_equal(get_mail_reply(&g, &a, &s), 0);
	assert_true(s.security == DNS_SECURE && s.ttl == 5 && s.nhosts == 2);
	assert_true(s.hosts[0].preference == 10 && s.hosts[0].alias == DNS_SECURE);
	assert_true(str_eq(s.hosts[0].canonical, STR("b.test")) && s.hosts[0].nips == 2);
	assert_true(ip_eq(&s.hosts[0].ips[0], &ips[0]) && ip_eq(&s.hosts[0].ips[1], &ips[1]));
	assert_true(s.hosts[1].unasked && s.hosts[1].nips == 0);
	/* the largest of all fits */
	memset(name, 'a', sizeof name);
	name[63] = name[127] = name[191] = '.';
	for (int i = 0; i < MAIL_HOSTS_MAX; i++) {
		hosts[i] = (struct mail_host){ .name = str_bytes(name, sizeof name),
			.canonical = str_bytes(name, sizeof name),
			.status = DNS_TEMPORARY };
		if (i < MAIL_HOSTS_ASKED)
			hosts[i].status = DNS_OK, hosts[i].ips = ips,
			hosts[i].nips = MAIL_ADDRESSES_MAX;
	}
	r.nhosts = MAIL_HOSTS_MAX;
	w = put_start();
	put_mail_reply(&w, &r);
	assert_false(w.bad);
	g = get_start(put_view(&w));
	assert_int_equal(get_mail_reply(&g, &a, &s), 0);
	/* an address of no family; a host that is fine without an address */
	hosts[0] = (struct mail_host){ .name = STR("a.test"), .canonical = STR_NONE };
	w = put_start();
	put_mail_reply(&w, &r);
	g = get_start(put_view(&w));
	assert_int_equal(get_mail_reply(&g, &a, &s), -1);
	arena_clear(&a);
}

static void test_client(void **state)
{
	struct client_question q = { 5, { .family = 6, .bytes = { 0x20, 1 } }, true, false }, p;
	struct client_reply r = { .name_status = DNS_OK,
		.name = STR("a.test"),
		.reverse = STR("a.test"),
		.list = STR("list.test"),
		.list_code = { .family = 4, .bytes = { 127, 0, 0, 4 } },
		.list_text = STR("why\n"),
		.list_failed = true },
			    s;
	struct put w = put_start();
	struct get g;

	(void)state;
	put_client_question(&w, &q);
	for (size_t n = 0; n <= w.n + 1; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_client_question(&g, &p), n == w.n ? 0 : -1);
	}
	g = get_start(put_view(&w));
	assert_int_equal(get_client_question(&g, &p), 0);
	assert_true(p.trace == 5 && ip_eq(&p.ip, &q.ip) && p.name && !p.lists);
	w = put_start();
	put_client_reply(&w, &r);
	for (size_t n = 0; n <= w.n + 1; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_client_reply(&g, &s), n == w.n ? 0 : -1);
	}
	g = get_start(put_view(&w));
	assert_int_equal(get_client_reply(&g, &s), 0);
	assert_true(str_eq(s.name, r.name) && str_eq(s.list, r.list) && s.list_failed);
	assert_true(str_eq(s.list_text, r.list_text) && ip_eq(&s.list_code, &r.list_code));
	/* a name that is not confirmed is none */
	r.name_status = DNS_NODATA;
	w = put_start();
	put_client_reply(&w, &r);
	g = get_start(put_view(&w));
	assert_int_equal(get_client_reply(&g, &s), -1);
}

static void test_hop(void **state)
{
	static struct mail_host host = {
		.preference = 5, .name = STR("a.test"), .canonical = STR("")
	};
	struct ip ip = { .family = 4, .bytes = { 192, 0, 2, 1 } };
	struct hop_try try = { .ip = ip, .host = 0, .dead_ms = 1234 };
	struct hop_question q = { 3, TRANSPORT_LMTP,
		{ .nexthop = STR("[a.test]:24"), .tls = STR("may"), .weight = 1 } },
			    p;
	struct hop_record record = { 3, 1, 1, true, STR("data") };
	struct hop_policy policy = { .source = TLS_BY_DANE,
		.level = TLS_LEVEL_DANE,
		.reason = STR("because"),
		.base = STR("b.test"),
		.records = &record,
		.nrecords = 1 };
	struct hop_reply r = { .source = HOP_MX,
		.port = 25,
		.usable = 1,
		.tries = &try,
		.ntries = 1,
		.policies = &policy,
		.npolicies = 1 },
			 s;
	struct arena a;
	struct put w = put_start();
	struct get g;

	(void)state;
	arena_init(&a);
	put_hop_question(&w, &q);
	for (size_t n = 0; n <= w.n + 1; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_hop_question(&g, &p), n == w.n ? 0 : -1);
	}
	host.ips = &ip;
	host.nips = 1;
	r.mail = (struct mail_reply){ .why = STR_NONE, .hosts = &host, .nhosts = 1 };
	status_set(&r.status, 451, "4.4.3", "later");
	w = put_start();
	put_hop_reply(&w, &r);
	for (size_t n = 0; n <= w.n + 1; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_hop_reply(&g, &a, &s), n == w.n ? 0 : -1);
	}
	g = get_start(put_view(&w));
	assert_int_equal(get_hop_reply(&g, &a, &s), 0);
	assert_true(s.status.code == 451 && s.source == HOP_MX && s.usable == 1 && s.ntries == 1);
	assert_true(ip_eq(&s.tries[0].ip, &ip) && s.tries[0].dead_ms == 1234);
	assert_int_equal(s.npolicies, 1);
	assert_true(s.policies[0].level == TLS_LEVEL_DANE && s.policies[0].nrecords == 1);
	assert_true(str_eq(s.policies[0].base, policy.base));
	assert_true(str_eq(s.policies[0].records[0].data, record.data));
	/* an address is a host of that name */
	host.name = STR("2001:db8::1");
	w = put_start();
	put_hop_reply(&w, &r);
	g = get_start(put_view(&w));
	assert_int_equal(get_hop_reply(&g, &a, &s), 0);
	assert_true(str_eq(s.mail.hosts[0].name, host.name));
	host.name = STR("no host");
	w = put_start();
	put_hop_reply(&w, &r);
	g = get_start(put_view(&w));
	assert_int_equal(get_hop_reply(&g, &a, &s), -1);
	host.name = STR("a.test");
	/* a policy for a host that is not there, or of a level that there is not */
	policy.host = 1;
	w = put_start();
	put_hop_reply(&w, &r);
	g = get_start(put_view(&w));
	assert_int_equal(get_hop_reply(&g, &a, &s), -1);
	policy.host = 0;
	policy.level = TLS_LEVELS;
	w = put_start();
	put_hop_reply(&w, &r);
	g = get_start(put_view(&w));
	assert_int_equal(get_hop_reply(&g, &a, &s), -1);
	policy.level = TLS_LEVEL_MAY;
	/* a try at a host that is not there */
	try.host = 1;
	w = put_start();
	put_hop_reply(&w, &r);
	g = get_start(put_view(&w));
	assert_int_equal(get_hop_reply(&g, &a, &s), -1);
	arena_clear(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_hop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
