/* What cannot go now. See defer.h. */
#include "defer.h"

#include "order.h"
#include "outcome.h"
#include "run.h"
#include "source.h"
#include "suspend.h"

/* The destination that a message waits for when it has nothing else to do: the first. */
static void park_at(struct message *m, const struct sched_site *site)
{
	if (m->park.key.n > 0)
		return;
	m->park = *site;
	m->park.key = arena_str(&m->arena, site->key);
	m->park.pool = arena_str(&m->arena, site->pool);
}

/* What was never tried because of us is not there to expire: its status is for lists, and is not kept. */
static void put_off(struct message *m, struct sched_work *w, const struct status *why, bool spared)
{
	for (uint32_t i = w->first; i < w->first + w->left; i++) {
		struct target *t = &m->targets[m->order[i]];

		/* what the destination said last says more */
		if (t->status == NULL) {
			target_status(m, t, why);
			t->spared = spared;
			if (!spared)
				target_set(t, t->state, false);
		}
		counts.deferred++;
		outcome_deferred(m, t);
	}
	w->left = 0;
}

/* An administrator, or a rule, does not want it to go now. */
static bool suspended(struct message *m, struct sched_work *w, const struct sched_site *site)
{
	const struct suspension *s = suspend_find(order_route(m, w)->nexthop, site);
	struct sched_site aside;
	struct status st;

	if (s == NULL)
		return false;
	if (s->rule[0] != '\0')
		status_set(&st, 451, "4.4.1",
		    "Deliveries to this destination are suspended for what it has said (%s)",
		    s->rule);
	else
		status_set(&st, 451, "4.3.2", "Deliveries %s are suspended by the administrator",
		    s->kind == SUSPEND_SOURCE ? "from this source" : "to this destination");
	put_off(m, w, &st, s->rule[0] == '\0');
	aside = suspend_site(s);
	park_at(m, &aside);
	return true;
}

/* The configuration has changed since its route was recorded. It goes out from nowhere else instead. */
static bool without_source(struct message *m, struct sched_work *w, const struct sched_site *site)
{
	struct status st;

	if (site->pool.n == 0 || source_of_pool(site->pool, 0).n > 0)
		return false;
	status_set(&st, 451, "4.3.5", "There is no source_pool \"%.*s\"", STR_ARG(site->pool));
	put_off(m, w, &st, true);
	return true;
}

bool defer_kept_back(struct message *m, struct sched_work *w, const struct sched_site *site)
{
	return suspended(m, w, site) || without_source(m, w, site);
}

void defer_dead(struct message *m, struct sched_work *w, const struct sched_site *site)
{
	struct sched_view v;
	struct status st;

	(void)sched_look(run_sched(), site, loop_now(), &v);
	status_set(&st, 451, "4.4.1",
	    "Deliveries to this destination are suspended after repeated failures%s%.*s",
	    v.said.n > 0 ? ", the last: " : "", STR_ARG(v.said));
	put_off(m, w, &st, false);
	park_at(m, site);
}

void defer_full(struct message *m, struct sched_work *w, const struct sched_site *site)
{
	for (uint32_t i = w->first; i < w->first + w->left; i++)
		m->targets[m->order[i]].parked = true;
	w->left = 0;
	park_at(m, site);
}
