/* Pools of source addresses. See source.h. */
#include "source.h"

static enum found find(struct run *r, struct str key, struct table_answer *out)
{
	return run_find(r, &r->policy->source, key, false, out);
}

static enum found by_domain(struct run *r, struct str domain, struct table_answer *out)
{
	enum found f = find(r, arena_printf(r->arena, "to:%.*s", STR_ARG(domain)), out);
	ssize_t dot;

	while (f == FOUND_NONE && (dot = str_find(str_skip(domain, 1), '.')) != -1) {
		domain = str_skip(domain, (size_t)dot + 1);
		f = find(r, arena_printf(r->arena, "to:%.*s", STR_ARG(domain)), out);
	}
	return f;
}

static enum found search(struct run *r, const struct route_question *q, const struct result *res,
    struct table_answer *out)
{
	enum found f;

	if (r->policy->source.n == 0)
		return FOUND_NONE;
	f = by_domain(r, run_parts(r, res->addr).domain, out);
	if (f == FOUND_NONE)
		f = run_find_sender(
		    r, &r->policy->source, res->owner.n > 0 ? res->owner : q->sender, out);
	if (f == FOUND_NONE)
		f = find(r, arena_printf(r->arena, "lane:%.*s", STR_ARG(lane_name(q->lane))), out);
	return f;
}

static enum found set(struct run *r, const struct route_question *q, struct result *res)
{
	struct table_answer a;
	enum found f = search(r, q, res, &a);

	if (f == FOUND_FAILED)
		return f;
	if (f == FOUND_NONE) {
		res->pool = r->policy->default_pool;
		res->pool_rule = r->policy->default_pool_rule;
	} else if (!str_caseeq(a.value, STR("DUNNO"))) {
		res->pool = str_trim(a.value);
		res->pool_rule = a.rule;
		if (strmap_get(&r->policy->pools, res->pool) == NULL)
			return run_fail(
			    r, a.rule, STR("there is no section source_pool of that name"));
	}
	return FOUND;
}

/* What a pool depends on; neighbours often have the same. */
static bool same(struct run *r, const struct result *a, const struct result *b)
{
	return str_eq(a->owner, b->owner) &&
	       str_eq(run_parts(r, a->addr).domain, run_parts(r, b->addr).domain);
}

enum found source_add(struct run *r, const struct route_question *q, struct routes *out)
{
	const struct result *last = NULL;

	for (struct result *res = out->first; res != NULL; res = res->next) {
		if (res->transport != TRANSPORT_SMTP)
			continue;
		if (last != NULL && same(r, last, res)) {
			res->pool = last->pool;
			res->pool_rule = last->pool_rule;
		} else if (set(r, q, res) == FOUND_FAILED) {
			return FOUND_FAILED;
		}
		last = res;
	}
	return FOUND;
}
