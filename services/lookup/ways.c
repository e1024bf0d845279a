/* Ways to other hosts. See ways.h. */
#include "ways.h"

#include "family.h"
#include "hops.h"
#include "tls.h"

static bool is_remote(const struct result *res)
{
	return res->transport == TRANSPORT_SMTP || res->transport == TRANSPORT_LMTP;
}

/* As the first of a list, each other may begin with "inet:". */
static void strip_inet(struct way *y)
{
	for (unsigned i = 0; i < y->n; i++)
		if (str_casestarts(y->hop[i].nexthop, STR("inet:")))
			y->hop[i].nexthop = str_skip(y->hop[i].nexthop, 5);
}

/* MX records can name hosts that are all down; who is named here by hand has said what else to do. */
static bool by_mx(const struct way *y)
{
	for (unsigned i = 0; i < y->n; i++)
		if (y->hop[i].nexthop.p[0] == '[')
			return false;
	return true;
}

/* "unix:/path" is a socket of this host. */
static bool is_unix(const struct way_hop *h)
{
	return str_starts(h->nexthop, STR("unix:"));
}

/* Nobody listens on the way there, so TLS would be of no use. */
static enum found to_unix(struct run *r, const struct result *res, struct way_hop *h)
{
	if (res->transport != TRANSPORT_LMTP)
		return run_fail(r, res->rule, STR("only LMTP goes to Unix sockets"));
	if (strmap_get(&r->policy->sockets, str_skip(h->nexthop, 5)) == NULL)
		return run_fail(r, res->rule, STR("its Unix socket is not one of remote_sockets"));
	h->tls = STR("none");
	h->tls_rule = STR("Unix socket");
	return FOUND;
}

static enum found speak(struct run *r, const struct result *res, struct way_hop *h)
{
	if (is_unix(h))
		return to_unix(r, res, h);
	if (tls_policy_of(r, h->nexthop, res->implicit_tls, &h->tls, &h->tls_rule) == FOUND_FAILED)
		return FOUND_FAILED;
	return family_add(r, h);
}

static enum found make(struct run *r, struct result *res)
{
	struct way y = { .n = 0 };
	const char *why = hops_parse(res->nexthop, &y);

	if (why == NULL && res->fallback && r->policy->fallback_relay.n > 0 && by_mx(&y))
		why = hops_parse(r->policy->fallback_relay, &y);
	if (why != NULL)
		return run_fail(r, res->rule, str_of(why));
	if (res->transport == TRANSPORT_LMTP)
		strip_inet(&y);
	for (unsigned i = 0; i < y.n; i++) {
		if (speak(r, res, &y.hop[i]) == FOUND_FAILED)
			return FOUND_FAILED;
	}
	res->way = way_encode(&y, r->arena);
	if (res->way.n == 0 || res->way.n > WAY_MAX - WAY_DEMANDS)
		return run_fail(r, res->rule, STR("its next hops have too much to say of them"));
	return FOUND;
}

/* What a way depends on; neighbours often go the same. */
static bool same(const struct result *a, const struct result *b)
{
	return a->transport == b->transport && str_eq(a->nexthop, b->nexthop) &&
	       a->implicit_tls == b->implicit_tls && a->fallback == b->fallback;
}

enum found ways_add(struct run *r, struct routes *out)
{
	const struct result *last = NULL;

	for (struct result *res = out->first; res != NULL && !r->failed; res = res->next) {
		if (!is_remote(res))
			continue;
		if (last != NULL && same(last, res))
			res->way = last->way;
		else if (make(r, res) == FOUND_FAILED)
			return FOUND_FAILED;
		last = res;
	}
	return FOUND;
}
