/* Which addresses of a next hop's hosts are used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../../../services/lookup/family.h"
#include "fixture.h"

/* What the tables say of a next hop; "" = nothing, "failed". */
static const char *family(const char *nexthop)
{
	struct way_hop h = { .nexthop = str_of(nexthop) };
	struct run r = new_run();

	if (family_add(&r, &h) == FOUND_FAILED)
		return "failed";
	assert_true((h.family.n > 0) == (h.family_rule.n > 0));
	return z(h.family);
}

static void test_family(void **state)
{
	(void)state;
	load();
	assert_string_equal(family("a.test"), "");
	set("remote_address_preference_maps", "texthash:families");
	file("families", "a.test ipv4\n.a.test ipv4-only\n[h.test]:25 ipv6-only\n"
			 "b.test DUNNO\n.b.test ipv6\nc.test ipv5\n");
	load();
	assert_string_equal(family("a.test"), "ipv4");
	assert_string_equal(family("X.a.TEST"), "ipv4-only");
	assert_string_equal(family("[h.test]:25"), "ipv6-only");
	assert_string_equal(family("[h.test]"), "");
	assert_string_equal(family("b.test"), "");
	assert_string_equal(family("x.b.test"), "ipv6");
	assert_string_equal(family("c.test"), "failed");
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_family) };

	log_threshold(LEVEL_ERROR + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
