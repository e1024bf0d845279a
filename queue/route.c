/* Asking lookup for routes. See route.h. */
#include "route.h"

#include <string.h>

#include "action.h"
#include "lane.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "settings.h"

struct route_ask {
	struct ask ask;
	struct message *m;
	struct target *target;
	struct route *routes; /* collected from the parts of the answer */
	uint32_t nroutes, cap;
	bool failed;
};

/* One pass over the recipients of a message; lives in its arena. */
struct route_run {
	uint32_t next; /* target to look at */
	uint32_t outstanding;
	uint64_t ms;
	void (*done)(struct message *m);
	struct timer finish; /* done() is never called from within route_start() */
	uint32_t nasks;
	struct route_ask asks[];
};

static void ask_more(struct message *m);

static void expansion_add(struct message *m, const struct route_ask *a)
{
	uint32_t n = m->nexpansion + a->nroutes;
	struct spool_target *all = arena_array(&m->arena, n, sizeof *all);

	if (m->nexpansion > 0)
		memcpy(all, m->expansion, m->nexpansion * sizeof *all);
	for (uint32_t i = 0; i < a->nroutes; i++)
		all[m->nexpansion + i] = (struct spool_target){ a->target->rcpt, a->routes[i] };
	m->expansion = all;
	m->nexpansion = n;
}

static void no_answer(struct message *m, struct target *t)
{
	struct status st;

	status_set(&st, 451, "4.3.0", "The routing service does not answer");
	target_status(m, t, &st);
	m->soon = true;
}

void route_not_redirected(struct message *m)
{
	log_error(&m->tag, EV("not-redirected"), KS("to", m->redirect->to),
	    KS("nexthop", m->redirect->filter));
	m->redirect = NULL;
	m->nexpansion = 0;
	/* it was to go to others, not to whom it is held back from */
	if (m->held)
		m->wishes |= WISH_HOLD;
}

static void finished(void *arg)
{
	struct message *m = arg;
	void (*done)(struct message * m) = m->routing->done;

	m->routing = NULL;
	if (m->redirect != NULL && (m->redirect->failed || m->nexpansion == 0))
		route_not_redirected(m);
	done(m);
}

/* A new address that there is not. */
static bool leads_nowhere(const struct route_ask *a)
{
	for (uint32_t i = 0; i < a->nroutes; i++) {
		if (a->routes[i].transport == TRANSPORT_ERROR)
			return true;
	}
	return false;
}

static void answer_end(struct route_ask *a)
{
	struct message *m = a->m;

	if (a->failed)
		no_answer(m, a->target);
	else if (a->nroutes == 1 && m->redirect == NULL)
		a->target->route = &a->routes[0];
	else
		expansion_add(m, a);
	if (m->redirect != NULL)
		m->redirect->failed |= a->failed || leads_nowhere(a);
	a->m = NULL;
	m->routing->outstanding--;
	ask_more(m);
	if (m->routing->outstanding == 0)
		finished(m);
}

static void collect(struct route_ask *a, const struct route_answer *answer)
{
	struct arena *arena = &a->m->arena;

	if (a->nroutes == 0) {
		a->routes = answer->routes;
		a->nroutes = a->cap = answer->nroutes;
		return;
	}
	if (a->nroutes + answer->nroutes > a->cap) {
		struct route *more;

		a->cap = 2 * (a->nroutes + answer->nroutes);
		more = arena_array(arena, a->cap, sizeof *more);
		memcpy(more, a->routes, a->nroutes * sizeof *more);
		a->routes = more;
	}
	memcpy(a->routes + a->nroutes, answer->routes, answer->nroutes * sizeof *answer->routes);
	a->nroutes += answer->nroutes;
}

/* A recipient that became nobody (an empty alias) is one that is to be forgotten. */
static void nobody(struct route_ask *a)
{
	a->routes = arena_alloc(&a->m->arena, sizeof *a->routes);
	a->routes->transport = TRANSPORT_DISCARD;
	a->routes->addr = target_rcpt(a->m, a->target)->addr;
	a->nroutes = 1;
}

static void on_answer(struct ask *ask, struct ipc_msg *m)
{
	struct route_ask *a = (struct route_ask *)ask;
	struct route_answer answer;
	struct get g;

	if (m == NULL) {
		a->failed = true;
		answer_end(a);
		return;
	}
	g = get_start(m->body);
	if (m->type != LOOKUP_ROUTE || get_route_answer(&g, &a->m->arena, &answer) == -1)
		a->failed = true;
	else if (a->nroutes + answer.nroutes <= SPOOL_SLOTS_MAX)
		collect(a, &answer);
	else
		a->failed = true;
	if ((m->flags & IPC_MORE) != 0)
		return;
	if (!a->failed && a->nroutes == 0)
		nobody(a);
	answer_end(a);
}

static bool wanted(const struct message *m, const struct target *t)
{
	if (m->redirect != NULL)
		return !target_final(t);
	return t->part == 0 && !target_final(t) && t->route == NULL;
}

/* What an expansion became has no route to be asked for, but can be redirected. */
static uint32_t askable(const struct message *m)
{
	return m->redirect != NULL ? m->ntargets : m->layout.slots;
}

static struct route_question question(const struct message *m, const struct target *t)
{
	const struct action *filter = action_of(m, ACTION_FILTER);
	const struct redirect *r = m->redirect;
	struct route_question q = {
		.trace = m->tag.trace,
		.sender = m->content.envelope.sender,
		.rcpt = target_rcpt(m, t)->addr,
		.lane = lane_of(&m->content, m->flags, m->content.envelope.nrcpts),
	};

	if (r != NULL) {
		q.rcpt = r->to.n > 0 ? r->to : t->route != NULL ? t->route->addr : q.rcpt;
		q.filter = r->filter;
		q.filter_rule = r->filter.n > 0 ? STR("thurn queue redirect") : STR_NONE;
	} else if (filter != NULL) {
		q.filter = filter->value;
		q.filter_rule = filter->rule;
	}
	return q;
}

static void ask_one(struct route_ask *a, struct message *m, struct target *t)
{
	struct put w = put_start();
	const struct route_question q = question(m, t);

	*a = (struct route_ask){ .m = m, .target = t, .ask.parts = true };
	put_route_question(&w, &q);
	chan_ask(proc_peer(ROLE_LOOKUP), &a->ask, LOOKUP_ROUTE, &w, NULL, 0, m->routing->ms,
	    on_answer, a);
	m->routing->outstanding++;
}

static void ask_more(struct message *m)
{
	struct route_run *r = m->routing;

	for (uint32_t i = 0; i < r->nasks && r->next < askable(m); i++) {
		if (r->asks[i].m != NULL)
			continue;
		while (r->next < askable(m) && !wanted(m, &m->targets[r->next]))
			r->next++;
		if (r->next < askable(m))
			ask_one(&r->asks[i], m, &m->targets[r->next++]);
	}
}

void route_start(struct message *m, uint64_t ms, void (*done)(struct message *m))
{
	uint32_t n = askable(m) < ROUTE_ASKS ? askable(m) : ROUTE_ASKS;
	struct route_run *r = arena_alloc(&m->arena, sizeof *r + n * sizeof r->asks[0]);

	r->done = done;
	r->ms = ms;
	r->nasks = n;
	m->routing = r;
	m->expansion = NULL;
	m->nexpansion = 0;
	ask_more(m);
	if (r->outstanding == 0)
		timer_set(&r->finish, 0, finished, m);
}
