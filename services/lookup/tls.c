/* The TLS policy of next hops. See tls.h. */
#include "tls.h"

#include "proto/tls_wish.h"

/* Where nothing but TLS is spoken, no level below `encrypt` has a meaning. */
static struct str made_implicit(struct run *r, struct str text, const struct tls_wish *w)
{
	if (w->implicit)
		return text;
	if (w->level < TLS_LEVEL_ENCRYPT)
		return STR("encrypt implicit");
	return arena_printf(r->arena, "%.*s implicit", STR_ARG(text));
}

/* Does mail log in there? */
static enum found find_auth(struct run *r, struct str nexthop)
{
	struct table_answer out;
	enum found f = run_find_nexthop(r, &r->policy->remote_auth, nexthop, &out);

	if (f != FOUND || str_caseeq(str_trim(out.value), STR("yes")))
		return f;
	if (str_caseeq(str_trim(out.value), STR("no")))
		return FOUND_NONE;
	return run_fail(r, out.rule, STR("neither yes nor no"));
}

enum found tls_policy_of(
    struct run *r, struct str nexthop, bool implicit, struct str *text, struct str *rule)
{
	struct table_answer out;
	struct tls_wish w;
	enum found f = run_find_nexthop(r, &r->policy->remote_tls_policy, nexthop, &out);

	if (f == FOUND_FAILED)
		return f;
	*text = f == FOUND ? str_trim(out.value) : r->policy->remote_tls;
	*rule = f == FOUND ? out.rule : r->policy->remote_tls_rule;
	if (text->n == 0 || tls_wish_parse(*text, &w) == -1 || w.require != TLS_REQUIRE_NOTHING)
		return run_fail(r, *rule, STR("not LEVEL [match=...] of a known TLS level"));
	if (implicit)
		*text = made_implicit(r, *text, &w);
	if (w.auth || r->policy->remote_auth.n == 0)
		return FOUND;
	f = find_auth(r, nexthop);
	if (f == FOUND)
		*text = arena_printf(r->arena, "%.*s auth", STR_ARG(*text));
	return f == FOUND_FAILED ? f : FOUND;
}
