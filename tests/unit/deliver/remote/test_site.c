/* Where mail for a next hop may go, and in which order; whose address is our own; and dialling. */
#include "../../../../deliver/remote/lately.h"
#include "../../../../deliver/remote/dial.h"
#include "../../../../deliver/remote/own.h"
#include "../../../../deliver/remote/site.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const struct families six_first = { true, true, 6 }, four_first = { true, true, 4 },
			     six_only = { false, true, 6 }, four_only = { true, false, 4 };

static struct arena arena;
static struct site site;
static struct nexthop hop;
static struct conf *conf;

/* --- sites ------------------------------------------------------------------------------------ */

/* A host with addresses "192.0.2.1 2001:db8::1 ..."; none: it has status. */
static void add_host(unsigned preference, const char *name, const char *ips, enum dns_status status)
{
	struct mail_host *h = &site.mail.hosts[site.mail.nhosts++];
	struct str rest = str_of(ips), ip;

	*h = (struct mail_host){ .preference = (uint16_t)preference,
		.name = str_of(name),
		.canonical = STR_NONE,
		.ips = arena_array(&arena, MAIL_ADDRESSES_MAX, sizeof *h->ips) };
	while (str_word(&rest, &ip))
		assert_int_equal(ip_parse(ip, &h->ips[h->nips++]), 0);
	h->status = (uint8_t)(h->nips > 0 ? DNS_OK : status);
}

static void begin(const char *domain, enum hop_source source)
{
	assert_int_equal(nexthop_parse(str_of(domain), 25, &hop), 0);
	site = (struct site){ .source = source, .port = hop.port };
	site.mail.why = STR_NONE;
	site.mail.hosts = arena_array(&arena, MAIL_HOSTS_MAX, sizeof *site.mail.hosts);
}

static void judged(int code, const char *enhanced)
{
	site_judge(&site, &hop);
	assert_int_equal(site.status.code, code);
	if (code != 0)
		assert_string_equal(site.status.enhanced, enhanced);
}

static bool none_dead(const struct ip *ip, uint16_t port)
{
	(void)ip;
	(void)port;
	return false;
}

static bool is_dead(const struct ip *ip, uint16_t port)
{
	return lately_for(LATELY_DEAD, ip, port, 1000) > 0;
}

/* The order as "192.0.2.1 2001:db8::1". */
static const char *order_by(
    const struct families *f, uint64_t *seed, bool (*dead)(const struct ip *ip, uint16_t port))
{
	static char text[HOP_ADDRESSES_MAX * IP_TEXT];
	struct site_order o;
	char ip[IP_TEXT];
	size_t n = 0;

	text[0] = '\0';
	site_order(&site, f, seed, dead, &o);
	for (unsigned i = 0; i < o.n; i++) {
		ip_format(&o.at[i].ip, ip);
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n > 0 ? " " : "", ip);
	}
	return text;
}

static const char *order(const struct families *f)
{
	uint64_t seed = 7;

	return order_by(f, &seed, none_dead);
}

static void test_families(void **state)
{
	(void)state;
	begin("x.test", HOP_MX);
	add_host(10, "a.test", "192.0.2.1 192.0.2.2 192.0.2.3 2001:db8::1", DNS_OK);
	judged(0, NULL);
	assert_string_equal(order(&six_first), "2001:db8::1 192.0.2.1 192.0.2.2 192.0.2.3");
	assert_string_equal(order(&four_first), "192.0.2.1 2001:db8::1 192.0.2.2 192.0.2.3");
	assert_string_equal(order(&six_only), "2001:db8::1");
	assert_string_equal(order(&four_only), "192.0.2.1 192.0.2.2 192.0.2.3");
}

static void test_preferences(void **state)
{
	unsigned first[3] = { 0 };
	uint64_t seed = 1;

	(void)state;
	begin("x.test", HOP_MX);
	add_host(5, "best.test", "", DNS_NXDOMAIN);
	add_host(10, "a.test", "192.0.2.1", DNS_OK);
	add_host(10, "b.test", "192.0.2.2", DNS_OK);
	add_host(10, "c.test", "192.0.2.3", DNS_OK);
	add_host(20, "d.test", "192.0.2.4", DNS_OK);
	judged(0, NULL);
	for (int i = 0; i < 3000; i++) {
		const char *o = order_by(&six_first, &seed, none_dead);

		first[o[8] - '1']++;
		assert_string_equal(o + 30, "192.0.2.4");
	}
	for (int i = 0; i < 3; i++)
		assert_true(first[i] > 850 && first[i] < 1150);
}

/* 20 addresses in all, and the first host does not get all of them. */
static void test_many_addresses(void **state)
{
	char ips[400] = "", one[32];
	struct site_order o;
	uint64_t seed = 1;

	(void)state;
	for (int i = 1; i <= MAIL_ADDRESSES_MAX; i++) {
		snprintf(one, sizeof one, "192.0.2.%d ", i);
		strcat(ips, one);
	}
	begin("x.test", HOP_MX);
	for (int i = 0; i < 5; i++)
		add_host((unsigned)i, "a.test", ips, DNS_OK);
	judged(0, NULL);
	site_order(&site, &six_first, &seed, none_dead, &o);
	assert_int_equal(o.n, 20);
	assert_int_equal(o.at[5].host, 0);
	assert_int_equal(o.at[6].host, 1);
	assert_int_equal(o.at[19].host, 3);
	begin("[a.test]", HOP_HOST);
	add_host(0, "a.test", ips, DNS_OK);
	judged(0, NULL);
	site_order(&site, &six_first, &seed, none_dead, &o);
	assert_int_equal(o.n, 20);
}

static void test_dead_ones_last(void **state)
{
	uint64_t seed = 7;
	struct ip ip;

	(void)state;
	lately_start(LATELY_DEAD, 500);
	begin("x.test", HOP_MX);
	add_host(10, "a.test", "192.0.2.1 192.0.2.2", DNS_OK);
	add_host(20, "b.test", "192.0.2.3", DNS_OK);
	judged(0, NULL);
	ip_parse(STR("192.0.2.1"), &ip);
	lately_note(LATELY_DEAD, &ip, 25, 600);
	assert_string_equal(order_by(&six_first, &seed, is_dead), "192.0.2.2 192.0.2.3 192.0.2.1");
	assert_int_equal(lately_for(LATELY_DEAD, &ip, 25, 1099), 1);
	assert_int_equal(lately_for(LATELY_DEAD, &ip, 25, 1100), 0);
	assert_int_equal(lately_for(LATELY_DEAD, &ip, 26, 700), 0);
	lately_forget(LATELY_DEAD, &ip, 26);
	assert_true(lately_for(LATELY_DEAD, &ip, 25, 700) > 0);
	lately_forget(LATELY_DEAD, &ip, 25);
	assert_string_equal(order_by(&six_first, &seed, is_dead), "192.0.2.1 192.0.2.2 192.0.2.3");
}

/* --- judgements ------------------------------------------------------------------------------- */

static void test_nowhere_to_go(void **state)
{
	static const struct {
		enum dns_status status;
		int code;
		const char *enhanced;
	} cases[] = { { DNS_NXDOMAIN, 550, "5.1.2" }, { DNS_TEMPORARY, 451, "4.4.3" },
		{ DNS_BOGUS, 451, "4.4.3" }, { DNS_MALFORMED, 451, "4.4.3" } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		begin("x.test", HOP_MX);
		site.mail.status = (uint8_t)cases[i].status;
		judged(cases[i].code, cases[i].enhanced);
	}
	begin("x.test", HOP_MX); /* RFC 7505 */
	site.mail.null = true;
	judged(556, "5.1.10");
	begin("x.test", HOP_MX);
	add_host(10, "a.test", "", DNS_NXDOMAIN);
	add_host(20, "b.test", "", DNS_NODATA);
	judged(550, "5.4.4");
	begin("x.test", HOP_MX);
	add_host(10, "a.test", "", DNS_NXDOMAIN);
	add_host(20, "b.test", "", DNS_TEMPORARY);
	judged(451, "4.4.3");
	begin("x.test", HOP_MX);
	add_host(10, "a.test", "", DNS_BOGUS);
	add_host(20, "b.test", "192.0.2.1", DNS_OK);
	judged(0, NULL);
	begin("x.test", HOP_MX);
	site.mail.status = DNS_NODATA;
	site.mail.implicit = true;
	add_host(0, "x.test", "", DNS_NODATA);
	judged(550, "5.1.2");
	/* what the configuration names may come back */
	begin("[x.test]", HOP_HOST);
	add_host(0, "x.test", "", DNS_NXDOMAIN);
	judged(451, "4.4.4");
}

static void test_loops(void **state)
{
	(void)state;
	begin("x.test", HOP_MX);
	add_host(5, "a.test", "192.0.2.1", DNS_OK);
	add_host(10, "b.test", "192.0.2.2", DNS_OK);
	add_host(10, "MX.own.test", "192.0.2.3", DNS_OK);
	add_host(20, "c.test", "192.0.2.4", DNS_OK);
	judged(0, NULL);
	assert_int_equal(site.usable, 1); /* those that are better than we are */
	begin("x.test", HOP_MX);
	add_host(10, "a.test", "192.0.2.2", DNS_OK);
	add_host(10, "b.test", "192.0.2.9 203.0.113.5", DNS_OK); /* own_addresses */
	judged(554, "5.4.6");
	begin("x.test", HOP_MX);
	add_host(10, "a.test", "127.0.0.1", DNS_OK);
	judged(554, "5.4.6");
	begin("x.test", HOP_MX);
	site.mail.status = DNS_NODATA;
	site.mail.implicit = true;
	add_host(0, "x.test", "0.0.0.0", DNS_OK);
	judged(554, "5.4.6");
	/* an alias of ours, and of its addresses nothing is known now but that it is one */
	begin("x.test", HOP_MX);
	add_host(5, "a.test", "192.0.2.1", DNS_OK);
	add_host(10, "backup.test", "", DNS_TEMPORARY);
	site.mail.hosts[1].canonical = STR("mx.own.test");
	add_host(20, "c.test", "192.0.2.4", DNS_OK);
	judged(0, NULL);
	assert_int_equal(site.usable, 1);
	/* the better host has no address now: not returned, for it may have one later */
	begin("x.test", HOP_MX);
	add_host(5, "a.test", "", DNS_TEMPORARY);
	add_host(10, "mx.own.test", "192.0.2.3", DNS_OK);
	judged(451, "4.4.3");
	/* whoever writes the address of this host into a route knows what it is for */
	begin("[127.0.0.1]", HOP_LITERAL);
	add_host(0, "127.0.0.1", "127.0.0.1", DNS_OK);
	judged(0, NULL);
}

static void own(const char *text, unsigned port, bool expect)
{
	struct ip ip;

	assert_int_equal(ip_parse(str_of(text), &ip), 0);
	assert_int_equal(own_address(&ip, (uint16_t)port), expect);
}

static void test_own_addresses(void **state)
{
	(void)state;
	own("192.0.2.50", 2525, true); /* a listener */
	own("192.0.2.50", 25, false); /* but nobody listens there */
	own("127.0.0.5", 26, true); /* a listener at all addresses */
	own("127.0.0.5", 2525, false);
	own("198.51.100.77", 26, false); /* of another host */
	own("::1", 26, false); /* it takes IPv4 only */
	own("203.0.113.5", 25, true); /* own_addresses */
	own("::1", 25, true);
	own("127.0.0.9", 25, true);
	own("0.0.0.0", 2525, true);
	own("192.0.2.51", 25, false);
	assert_true(own_name(STR("mx.own.test")));
	assert_false(own_name(STR("own.test")));
}

/* --- finding without DNS ---------------------------------------------------------------------- */

static struct site *found;

static void on_site(void *arg, struct site *s)
{
	(void)arg;
	found = s;
}

static void find(const char *text, uint8_t transport)
{
	struct site_finder f;
	struct site_wait w = { 0 };

	assert_int_equal(nexthop_parse(str_of(text), 25, &hop), 0);
	site_finder_init(&f, &hop, transport);
	found = NULL;
	site_find(&f, &w, 0, on_site, NULL);
	assert_null(found);
	while (found == NULL)
		loop_poll();
	site_finder_clear(&f);
}

static void test_finding(void **state)
{
	char longest[HOP_HOST_MAX + 1];

	(void)state;
	find("[192.0.2.1]:26", TRANSPORT_SMTP);
	assert_int_equal(found->status.code, 0);
	assert_int_equal(found->source, HOP_LITERAL);
	assert_int_equal(found->port, 26);
	site_release(found);
	find("mx.STATIC.test", TRANSPORT_SMTP);
	assert_int_equal(found->source, HOP_STATIC);
	assert_int_equal(found->mail.hosts[0].nips, 2);
	site_release(found);
	/* nobody to ask */
	find("other.test", TRANSPORT_SMTP);
	assert_int_equal(found->source, HOP_MX);
	assert_int_equal(found->status.code, 451);
	assert_string_equal(found->status.enhanced, "4.4.3");
	site_release(found);
	find("other.test", TRANSPORT_LMTP);
	assert_int_equal(found->source, HOP_HOST);
	site_release(found);
	/* what cannot be in DNS is not asked */
	memset(longest, 'a', HOP_HOST_MAX);
	longest[HOP_HOST_MAX] = '\0';
	find(longest, TRANSPORT_SMTP);
	assert_int_equal(found->status.code, 550);
	site_release(found);
}

/* A wait that is cancelled is not called, the others are, and nothing is asked twice. */
static void test_cancelled(void **state)
{
	struct site_finder f;
	struct site_wait a = { 0 }, b = { 0 };

	(void)state;
	assert_int_equal(nexthop_parse(STR("other.test"), 25, &hop), 0);
	site_finder_init(&f, &hop, TRANSPORT_SMTP);
	found = NULL;
	site_find(&f, &a, 0, on_site, NULL);
	site_find_cancel(&a);
	site_find(&f, &b, 0, on_site, NULL);
	while (found == NULL)
		loop_poll();
	site_release(found);
	site_find(&f, &b, 0, on_site, NULL);
	site_find_cancel(&b);
	site_finder_clear(&f);
}

/* --- dialling --------------------------------------------------------------------------------- */

static struct dialled outcome;
static bool dialled;

static void on_dialled(void *arg, const struct dialled *d)
{
	(void)arg;
	outcome = *d;
	dialled = true;
}

static struct deliver_source from; /* where it is dialled from */

static void dial(const char *first, const char *second, uint16_t port)
{
	struct ip a, b;

	assert_int_equal(ip_parse(str_of(first), &a), 0);
	if (second != NULL)
		assert_int_equal(ip_parse(str_of(second), &b), 0);
	dialled = false;
	dial_start(&a, second != NULL ? &b : NULL, port, &from, 2000, on_dialled, NULL);
	assert_false(dialled);
	while (!dialled)
		loop_poll();
}

static int listen_at(const char *ip, int backlog, uint16_t *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(*port) };
	socklen_t n = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, ip, &in.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(listen(fd, backlog), 0);
	getsockname(fd, (struct sockaddr *)&in, &n);
	*port = ntohs(in.sin_port);
	return fd;
}

static void test_dial(void **state)
{
	uint16_t port = 0;
	int fd = listen_at("127.0.0.2", 10, &port);

	(void)state;
	dial("127.0.0.2", NULL, port);
	assert_true(outcome.fd != -1 && outcome.which == 0 && outcome.error[0] == 0);
	close(outcome.fd);
	dial("127.0.0.3", NULL, port);
	assert_true(outcome.fd == -1 && outcome.error[0] == ECONNREFUSED && !outcome.tried[1]);
	/* a refusal is not waited out */
	dial("127.0.0.3", "127.0.0.2", port);
	assert_true(outcome.fd != -1 && outcome.which == 1 && outcome.error[0] == ECONNREFUSED);
	close(outcome.fd);
	dial("127.0.0.3", "127.0.0.4", port);
	assert_true(outcome.fd == -1 && outcome.error[1] == ECONNREFUSED);
	/* the first is there: the second is left alone */
	dial("127.0.0.2", "127.0.0.3", port);
	assert_true(outcome.which == 0 && !outcome.tried[1]);
	close(outcome.fd);
	close(fd);
}

/* Somebody whose queue of connections is full answers nothing: the second one is tried beside it.
 */
static void test_dial_race(void **state)
{
	uint16_t port = 0;
	int good = listen_at("127.0.0.2", 10, &port), full = listen_at("127.0.0.3", 0, &port);
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	int filler[4];

	(void)state;
	inet_pton(AF_INET, "127.0.0.3", &in.sin_addr);
	for (int i = 0; i < 4; i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(filler[i], (struct sockaddr *)&in, sizeof in);
	}
	dial("127.0.0.3", "127.0.0.2", port);
	assert_true(outcome.fd != -1 && outcome.which == 1);
	assert_true(outcome.tried[0] && outcome.error[0] == 0);
	close(outcome.fd);
	for (int i = 0; i < 4; i++)
		close(filler[i]);
	close(good);
	close(full);
}

static int setup(void **state)
{
	struct conf_section *s;

	(void)state;
	loop_init();
	arena_init(&arena);
	conf = conf_new();
	conf_set(conf, NULL, "hostname", STR("mx.own.test"), "t", 1);
	conf_set(conf, NULL, "own_addresses", STR("203.0.113.5"), "t", 1);
	conf_set(conf, NULL, "static_hosts", STR("mx.static.test=192.0.2.7,2001:db8::7"), "t", 1);
	s = conf_add_section(conf, "listener", STR("mx"), "t", 1);
	conf_set(conf, s, "address", STR("192.0.2.50"), "t", 1);
	conf_set(conf, s, "port", STR("2525"), "t", 1);
	s = conf_add_section(conf, "listener", STR("all"), "t", 1);
	conf_set(conf, s, "address", STR("0.0.0.0"), "t", 1);
	conf_set(conf, s, "port", STR("26"), "t", 1);
	s = conf_add_section(conf, "listener", STR("imap"), "t", 1);
	conf_set(conf, s, "service", STR("imap"), "t", 1);
	conf_set(conf, s, "address", STR("192.0.2.51"), "t", 1);
	conf_set(conf, s, "port", STR("25"), "t", 1);
	own_look();
	assert_int_equal(own_configure(conf), 0);
	assert_int_equal(nexthop_configure(conf), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	conf_free(conf);
	arena_clear(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_preferences),
		cmocka_unit_test(test_many_addresses),
		cmocka_unit_test(test_dead_ones_last),
		cmocka_unit_test(test_nowhere_to_go),
		cmocka_unit_test(test_loops),
		cmocka_unit_test(test_own_addresses),
		cmocka_unit_test(test_finding),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_dial),
		cmocka_unit_test(test_dial_race),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
