/* What is to be delivered, and in which order. See order.h. */
#include "order.h"

#include <stdlib.h>

#include "lane.h"
#include "outcome.h"
#include "retry.h"

/* The order of delivery: what goes together stands together, what is the same is neighbours. */
static int compare(const void *a, const void *b, void *arg)
{
	const struct target *targets = arg;
	const struct route *x = targets[*(const uint32_t *)a].route;
	const struct route *y = targets[*(const uint32_t *)b].route;
	int r = (int)x->transport - (int)y->transport;

	if (r == 0)
		r = str_cmp(x->nexthop, y->nexthop);
	if (r == 0)
		r = str_cmp(x->way, y->way);
	if (r == 0)
		r = str_cmp(x->pool, y->pool);
	if (r == 0)
		r = str_cmp(x->owner, y->owner);
	if (r == 0)
		r = str_cmp(x->home, y->home);
	if (r == 0)
		r = str_cmp(x->folder, y->folder);
	if (r == 0 && x->transport != TRANSPORT_MAILDIR)
		r = str_casecmp(x->addr, y->addr);
	return r;
}

/* Decides what needs no worker; true when the target is to be delivered. */
static bool deliverable(struct message *m, struct target *t)
{
	const struct route *r = t->route;
	struct status st = { 0 };

	if (target_final(t) || r == NULL)
		return false;
	if (r->transport == TRANSPORT_HOLD) {
		m->wishes |= WISH_HOLD;
		return false;
	}
	if (r->transport < TRANSPORT_DISCARD) {
		t->skipped = !retry_due(m, t);
		return !t->skipped;
	}
	if (r->transport == TRANSPORT_DISCARD)
		status_set(&st, 250, "2.0.0", "discarded");
	else if (r->transport == TRANSPORT_ERROR && r->status.code >= 400)
		st = r->status;
	else
		status_set(
		    &st, 451, "4.3.5", "The route of this recipient has an error without a reason");
	/* it is we who say so, whoever was asked last time */
	t->fault = FAULT_NONE;
	t->relay = t->tls = STR_NONE;
	outcome(m, t, &st);
	/* what a table could not say has nothing to do with the destination */
	m->soon |= status_temporary(&st);
	return false;
}

static void drop_duplicates(struct message *m)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < m->norder; i++) {
		struct target *t = &m->targets[m->order[i]];
		struct status st;

		if (kept > 0 && compare(&m->order[kept - 1], &m->order[i], m->targets) == 0) {
			status_set(&st, 250, "2.0.0", "the same mailbox as another recipient");
			outcome(m, t, &st);
			continue;
		}
		m->order[kept++] = m->order[i];
	}
	m->norder = kept;
}

void order_make(struct message *m)
{
	m->order = arena_array(&m->arena, m->ntargets, sizeof *m->order);
	m->norder = 0;
	for (uint32_t i = 0; i < m->ntargets; i++) {
		if (deliverable(m, &m->targets[i]))
			m->order[m->norder++] = i;
	}
	if (m->norder > 1) {
		qsort_r(m->order, m->norder, sizeof *m->order, compare, m->targets);
		drop_duplicates(m);
	}
}

bool order_together(const struct target *a, const struct target *b)
{
	const struct route *x = a->route, *y = b->route;

	return x->transport == y->transport && str_eq(x->nexthop, y->nexthop) &&
	       str_eq(x->way, y->way) && str_eq(x->pool, y->pool) && str_eq(x->owner, y->owner);
}

/* The i-th of them goes elsewhere than the one before it. */
static bool begins_work(const struct message *m, uint32_t i)
{
	return i == 0 || !order_together(&m->targets[m->order[i - 1]], &m->targets[m->order[i]]);
}

void order_works(struct message *m)
{
	m->lane = lane_of(&m->content, m->flags, m->norder);
	m->nworks = 0;
	for (uint32_t i = 0; i < m->norder; i++)
		m->nworks += begins_work(m, i);
	m->works = arena_array(&m->arena, m->nworks, sizeof *m->works);
	m->nworks = 0;
	for (uint32_t i = 0; i < m->norder; i++) {
		if (begins_work(m, i))
			m->works[m->nworks++] = (struct sched_work){
				.owner = m, .first = i, .lane = m->lane, .called = m->called
			};
		m->works[m->nworks - 1].left++;
	}
}

const struct route *order_route(const struct message *m, const struct sched_work *w)
{
	return m->targets[m->order[w->first]].route;
}
