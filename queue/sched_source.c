/* Sources: the addresses that mail goes out from, each with limits of its own, and pools of them. */
#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "sched_impl.h"

struct sched_source *sched_source_find(const struct sched *s, struct str name)
{
	struct sched_source *x;

	TAILQ_FOREACH (x, &s->sources, next) {
		if (str_caseeq(x->name, name))
			return x;
	}
	return NULL;
}

uint64_t sched_source_wait(const struct sched_source *x, uint64_t now)
{
	enum rate_kind which;

	if (x->until > now)
		return x->until - now;
	if (x->flying >= x->jobs)
		return UINT64_MAX;
	return buckets_wait(&x->buckets, &x->rates, 1, now, &which);
}

struct str sched_source_name(const struct sched_source *x)
{
	return x != NULL ? x->name : STR_NONE;
}

/* --- from outside ---------------------------------------------------------------------------- */

static void pools_free(struct sched *s)
{
	for (unsigned i = 0; i < s->npools; i++) {
		for (unsigned k = 0; k < s->pools[i].n; k++)
			str_free(&s->pools[i].sources[k]);
		free(s->pools[i].sources);
		str_free(&s->pools[i].name);
	}
	free(s->pools);
	s->pools = NULL;
	s->npools = 0;
}

static void set_source(struct sched *s, const struct sched_source_limits *l)
{
	struct sched_source *x = sched_source_find(s, l->name);

	if (x == NULL) {
		x = xcalloc(1, sizeof *x);
		x->name = str_clone(l->name);
		TAILQ_INSERT_TAIL(&s->sources, x, next);
	}
	x->jobs = l->jobs;
	x->rates = l->rates;
}

void sched_set_sources(struct sched *s, const struct sched_source_limits *sources,
    unsigned nsources, const struct sched_pool *pools, unsigned npools)
{
	struct sched_gate *g;

	for (unsigned i = 0; i < nsources; i++)
		set_source(s, &sources[i]);
	pools_free(s);
	s->pools = xcalloc(npools + 1, sizeof *s->pools);
	for (unsigned i = 0; i < npools; i++) {
		struct sched_pool *p = &s->pools[s->npools++];

		p->name = str_clone(pools[i].name);
		p->sources = xcalloc(pools[i].n + 1, sizeof *p->sources);
		for (unsigned k = 0; k < pools[i].n; k++) {
			assert(sched_source_find(s, pools[i].sources[k]) != NULL);
			p->sources[p->n++] = str_clone(pools[i].sources[k]);
		}
	}
	TAILQ_FOREACH (g, &s->gates, next)
		sched_gate_fill(s, g);
}

void sched_suspend_source(struct sched *s, struct str name, uint64_t until)
{
	struct sched_source *x = sched_source_find(s, name);

	if (x != NULL)
		x->until = until;
}

bool sched_look_source(
    const struct sched *s, struct str name, uint64_t now, struct sched_source_view *v)
{
	const struct sched_source *x = sched_source_find(s, name);

	*v = (struct sched_source_view){ 0 };
	if (x == NULL)
		return false;
	v->flying = x->flying;
	v->jobs = x->jobs;
	v->wait = x->until > now ? 0 : buckets_wait(&x->buckets, &x->rates, 1, now, &v->rate);
	return true;
}

void sched_sources_init(struct sched *s)
{
	TAILQ_INIT(&s->sources);
}

void sched_sources_free(struct sched *s)
{
	struct sched_source *x;

	while ((x = TAILQ_FIRST(&s->sources)) != NULL) {
		TAILQ_REMOVE(&s->sources, x, next);
		str_free(&x->name);
		free(x);
	}
	pools_free(s);
}
