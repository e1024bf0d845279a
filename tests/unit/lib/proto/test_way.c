/* Ways on the wire. */
#include "proto/way.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "mail/envelope.h"

static void test_way(void **state)
{
	struct way y = { .hop = { { .nexthop = STR("[a]:25"),
				      .tls = STR("secure match=a"),
				      .tls_rule = STR("texthash:p:3"),
				      .weight = 3 },
			     { .nexthop = STR("b.example"), .group = 1, .weight = 1 } },
		.n = 2 },
		   z;
	struct arena a;
	struct str s;

	(void)state;
	arena_init(&a);
	s = way_encode(&y, &a);
	for (size_t n = 0; n < s.n; n++)
		assert_int_equal(way_decode(str_take(s, n), &z), -1);
	assert_int_equal(way_decode(s, &z), 0);
	assert_int_equal(z.n, 2);
	assert_true(way_same_hop(&z.hop[0], &y.hop[0]) && !way_same_hop(&z.hop[0], &z.hop[1]));
	assert_true(str_eq(z.hop[0].tls_rule, y.hop[0].tls_rule) && z.hop[0].weight == 3 &&
		    z.hop[1].group == 1);
	/* groups out of order, no weight, no host, no hop */
	y.hop[0].group = 2;
	assert_int_equal(way_decode(way_encode(&y, &a), &z), -1);
	y.hop[0].group = 0;
	y.hop[1].weight = 0;
	assert_int_equal(way_decode(way_encode(&y, &a), &z), -1);
	y.hop[1].weight = 1;
	y.hop[1].nexthop = STR_NONE;
	assert_int_equal(way_decode(way_encode(&y, &a), &z), -1);
	y.n = 0;
	assert_int_equal(way_decode(way_encode(&y, &a), &z), -1);
	assert_int_equal(way_decode(STR_NONE, &z), -1);
	arena_clear(&a);
}

/* What stands behind the hops: a way of before has nothing there. */
static void test_families(void **state)
{
	struct way y = { .hop = { { .nexthop = STR("[a]:25"), .tls = STR("may"), .weight = 1 },
			     { .nexthop = STR("b.example"), .tls = STR("may"), .weight = 1 } },
		.n = 2 },
		   z;
	struct way_hop h;
	struct arena a;
	struct str old, s;
	struct put w = put_start();
	struct get g;

	(void)state;
	arena_init(&a);
	old = way_encode(&y, &a);
	y.hop[1].family = STR("ipv4-only");
	y.hop[1].family_rule = STR("texthash:f:1");
	s = way_encode(&y, &a);
	assert_true(str_starts(s, old) && s.n > old.n);
	for (size_t n = 0; n < s.n; n++)
		assert_int_equal(way_decode(str_take(s, n), &z), n == old.n ? 0 : -1);
	assert_int_equal(way_decode(s, &z), 0);
	assert_int_equal(z.hop[0].family.n, 0);
	assert_true(str_eq(z.hop[1].family, y.hop[1].family) &&
		    str_eq(z.hop[1].family_rule, y.hop[1].family_rule));
	/* mail that may use other addresses goes by other connections */
	assert_int_equal(way_decode(old, &y), 0);
	assert_false(way_same_hop(&y.hop[1], &z.hop[1]));
	put_way_hop(&w, &z.hop[1]);
	g = get_start(put_view(&w));
	get_way_hop(&g, &h);
	assert_int_equal(get_end(&g), 0);
	assert_true(way_same_hop(&h, &z.hop[1]));
	z.hop[1].family = STR("ipv5");
	assert_int_equal(way_decode(way_encode(&z, &a), &y), -1);
	arena_clear(&a);
}

static void test_too_long(void **state)
{
	char text[500];
	struct way y = { .n = WAY_HOPS };
	struct arena a;

	(void)state;
	memset(text, 'x', sizeof text);
	for (unsigned i = 0; i < y.n; i++)
		y.hop[i] = (struct way_hop){ .nexthop = { text, sizeof text }, .weight = 1 };
	arena_init(&a);
	assert_int_equal(way_encode(&y, &a).n, 0);
	y.n = 7;
	assert_int_not_equal(way_encode(&y, &a).n, 0);
	arena_clear(&a);
}

/* RFC 8689: more than the route says, or less than the destination has published. */
static void test_demands(void **state)
{
	static const struct {
		const char *tls;
		uint8_t demand;
		bool report;
		const char *becomes;
	} rows[] = {
		{ "dane", TLS_BY_POLICY, false, "dane" },
		{ "dane", TLS_REQUIRED, false, "dane requiretls" },
		{ "secure match=a.test", TLS_REQUIRED, true,
		    "secure match=a.test requiretls=offered" },
		{ "dane", TLS_WAIVED, false, "may" },
		{ "dane auth", TLS_WAIVED, false, "may auth" },
		{ "dane implicit", TLS_WAIVED, false, "encrypt implicit" },
		{ "dane-only", TLS_WAIVED, false, "dane-only" },
		{ "encrypt", TLS_WAIVED, false, "encrypt" },
	};
	struct arena a;
	struct way y = { .hop = { { .nexthop = STR("a.test"), .weight = 1 } }, .n = 1 };

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		y.hop[0].tls = str_of(rows[i].tls);
		assert_int_equal(
		    way_decode(
			way_demanded(way_encode(&y, &a), rows[i].demand, rows[i].report, &a), &y),
		    0);
		assert_true(str_eq(y.hop[0].tls, str_of(rows[i].becomes)));
		assert_true(str_eq(y.hop[0].nexthop, STR("a.test")));
	}
	arena_clear(&a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_way),
		cmocka_unit_test(test_families), cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_demands) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
