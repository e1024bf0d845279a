/*
 * LOOKUP_ROUTE: where mail for a recipient goes. Canonical rewriting once, then a work list: each
 * address is expanded by virtual_alias_maps and, in local domains, alias_maps, until nothing is
 * left to expand; no address is expanded twice.
 */
#ifndef LOOKUP_ROUTE_H
#define LOOKUP_ROUTE_H

#include "proto/lookup.h"
#include "run.h"

/* A route, but with its status elsewhere: most have none. */
struct result {
	struct result *next;
	struct str addr, nexthop, way, pool, pool_rule, owner, home, rule;
	uint32_t uid, gid;
	uint8_t transport;
	bool implicit_tls, fallback; /* as in struct nexthop */
	const struct status *status; /* NULL = none */
};

struct routes {
	struct result *first;
	uint32_t n;
	bool expanded;
};

/* In r->arena. Void when run_waits(r). When anything failed, the one result is a temporary error.
 */
void route_answer(struct run *r, const struct route_question *q, struct routes *out);

#endif
