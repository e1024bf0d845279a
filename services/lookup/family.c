/* Families of next hops. See family.h. */
#include "family.h"

#include "proto/families.h"

enum found family_add(struct run *r, struct way_hop *h)
{
	struct table_answer out;
	struct families unused;
	enum found f;

	if (r->policy->address_preference.n == 0)
		return FOUND_NONE;
	f = run_find_nexthop(r, &r->policy->address_preference, h->nexthop, &out);
	if (f != FOUND || str_caseeq(str_trim(out.value), STR("DUNNO")))
		return f;
	h->family = str_trim(out.value);
	h->family_rule = out.rule;
	if (families_parse(h->family, &unused) == -1)
		return run_fail(
		    r, out.rule, STR("not one of ipv6, ipv4, ipv6-only, ipv4-only, DUNNO"));
	return FOUND;
}
