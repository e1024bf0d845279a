/*
 * Sources: the addresses that mail goes out from, and the gates that destinations stand behind because
 * they share a pool of these. What no pool is for stands behind a gate that is always open.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "sched_impl.h"

enum {
	GATE_SHARE = 4, /* of the room in memory, what stands behind one gate may take */
	GATE_MIN = 100, /* works, however little room there is: so that it goes on */
};

/* --- gates ------------------------------------------------------------------------------------ */

struct sched_gate *sched_gate_find(const struct sched *s, uint8_t transport, struct str pool)
{
	struct sched_gate *g;

	TAILQ_FOREACH (g, &s->gates, next) {
		if (g->transport == transport && str_eq(g->pool, pool))
			return g;
	}
	return NULL;
}

static struct sched_source *source_find(const struct sched *s, struct str name)
{
	struct sched_source *x;

	TAILQ_FOREACH (x, &s->sources, next) {
		if (str_caseeq(x->name, name))
			return x;
	}
	return NULL;
}

/* Its sources, as the pool has them now; none when there is no such pool. */
static void gate_fill(const struct sched *s, struct sched_gate *g)
{
	g->nsources = g->turn = 0;
	for (unsigned i = 0; i < s->npools; i++) {
		const struct sched_pool *p = &s->pools[i];

		if (!str_eq(p->name, g->pool))
			continue;
		g->sources = xreallocarray(g->sources, p->n + 1, sizeof(struct sched_source *));
		for (unsigned k = 0; k < p->n; k++)
			g->sources[g->nsources++] = source_find(s, p->sources[k]);
	}
}

static struct sched_gate *gate_new(struct sched *s, uint8_t transport, struct str pool)
{
	struct sched_gate *g = xcalloc(1, sizeof *g);

	g->transport = transport;
	g->pool = str_bytes(str_dup(pool), pool.n);
	for (unsigned l = 0; l < LANES; l++) {
		TAILQ_INIT(&g->ready[l]);
		TAILQ_INIT(&g->calling[l]);
	}
	gate_fill(s, g);
	TAILQ_INSERT_TAIL(&s->gates, g, next);
	return g;
}

struct sched_gate *sched_gate_get(struct sched *s, uint8_t transport, struct str pool)
{
	struct sched_gate *g = sched_gate_find(s, transport, pool);

	return g != NULL ? g : gate_new(s, transport, pool);
}

bool sched_gate_crowded(const struct sched *s, const struct sched_gate *g)
{
	uint32_t most = s->room / GATE_SHARE;

	return g->pool.n > 0 && g->held >= (most > GATE_MIN ? most : GATE_MIN);
}

/* --- sources ---------------------------------------------------------------------------------- */

/* Milliseconds until it may have a job; UINT64_MAX = when one of its own ends. */
static uint64_t source_wait(const struct sched_source *x, uint64_t now)
{
	enum rate_kind which;

	if (x->until > now)
		return x->until - now;
	if (x->flying >= x->jobs)
		return UINT64_MAX;
	return buckets_wait(&x->buckets, &x->rates, 1, now, &which);
}

uint64_t sched_gate_wait(const struct sched_gate *g, uint64_t now)
{
	uint64_t wait = g->pool.n == 0 ? 0 : UINT64_MAX;

	for (unsigned i = 0; i < g->nsources; i++) {
		uint64_t ms = source_wait(g->sources[i], now);

		wait = ms < wait ? ms : wait;
	}
	return wait;
}

struct sched_source *sched_gate_source(struct sched_gate *g, uint64_t now)
{
	for (unsigned i = 0; i < g->nsources; i++) {
		struct sched_source *x = g->sources[(g->turn + i) % g->nsources];

		if (source_wait(x, now) == 0) {
			g->turn = (g->turn + i + 1) % g->nsources;
			return x;
		}
	}
	return NULL;
}

struct str sched_source_name(const struct sched_source *x)
{
	return x != NULL ? x->name : STR_NONE;
}

/* --- whose turn it is ------------------------------------------------------------------------- */

/* Smooth weighted round robin over the lanes that have something. */
static int choose_lane(const struct sched *s, int credit[LANES], const bool has[LANES])
{
	int best = -1, total = 0;

	for (int l = 0; l < LANES; l++) {
		if (!has[l]) {
			credit[l] = 0;
			continue;
		}
		credit[l] += s->weights[l];
		total += s->weights[l];
		if (best == -1 || credit[l] > credit[best])
			best = l;
	}
	if (best != -1)
		credit[best] -= total;
	return best;
}

static struct sched_turns *turns_of(struct sched_gate *g, bool call, int lane)
{
	return call ? &g->calling[lane] : &g->ready[lane];
}

static bool may(
    const struct sched *s, const struct sched_gate *g, bool call, uint8_t transport, uint64_t now)
{
	if (call)
		return !sched_gate_crowded(s, g);
	return g->transport == transport && sched_gate_wait(g, now) == 0;
}

static struct sched_turn *choose(
    struct sched *s, int credit[LANES], bool call, uint8_t transport, uint64_t now)
{
	bool has[LANES] = { false };
	struct sched_gate *g;
	int lane;

	TAILQ_FOREACH (g, &s->gates, next) {
		if (!may(s, g, call, transport, now))
			continue;
		for (int l = 0; l < LANES; l++)
			has[l] = has[l] || !TAILQ_EMPTY(turns_of(g, call, l));
	}
	lane = choose_lane(s, credit, has);
	if (lane == -1)
		return NULL;
	TAILQ_FOREACH (g, &s->gates, next) {
		if (!TAILQ_EMPTY(turns_of(g, call, lane)) && may(s, g, call, transport, now))
			break;
	}
	/* the others have their turn first */
	TAILQ_REMOVE(&s->gates, g, next);
	TAILQ_INSERT_TAIL(&s->gates, g, next);
	return TAILQ_FIRST(turns_of(g, call, lane));
}

struct sched_turn *sched_turn_ready(struct sched *s, uint8_t transport, uint64_t now)
{
	return choose(s, s->transports[transport].credit, false, transport, now);
}

struct sched_turn *sched_turn_calling(struct sched *s, uint64_t now)
{
	return choose(s, s->call_credit, true, 0, now);
}

/* --- from outside ----------------------------------------------------------------------------- */

static void pools_free(struct sched *s)
{
	for (unsigned i = 0; i < s->npools; i++) {
		for (unsigned k = 0; k < s->pools[i].n; k++)
			free((char *)(uintptr_t)s->pools[i].sources[k].p);
		free(s->pools[i].sources);
		free((char *)(uintptr_t)s->pools[i].name.p);
	}
	free(s->pools);
	s->pools = NULL;
	s->npools = 0;
}

static struct str copy(struct str s)
{
	return str_bytes(str_dup(s), s.n);
}

static void set_source(struct sched *s, const struct sched_source_limits *l)
{
	struct sched_source *x = source_find(s, l->name);

	if (x == NULL) {
		x = xcalloc(1, sizeof *x);
		x->name = copy(l->name);
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

		p->name = copy(pools[i].name);
		p->sources = xcalloc(pools[i].n + 1, sizeof *p->sources);
		for (unsigned k = 0; k < pools[i].n; k++) {
			assert(source_find(s, pools[i].sources[k]) != NULL);
			p->sources[p->n++] = copy(pools[i].sources[k]);
		}
	}
	TAILQ_FOREACH (g, &s->gates, next)
		gate_fill(s, g);
}

void sched_suspend_source(struct sched *s, struct str name, uint64_t until)
{
	struct sched_source *x = source_find(s, name);

	if (x != NULL)
		x->until = until;
}

bool sched_look_source(
    const struct sched *s, struct str name, uint64_t now, struct sched_source_view *v)
{
	const struct sched_source *x = source_find(s, name);

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
	TAILQ_INIT(&s->gates);
	TAILQ_INIT(&s->sources);
	for (uint8_t t = 0; t < SCHED_TRANSPORTS; t++)
		gate_new(s, t, STR_NONE);
}

void sched_sources_free(struct sched *s)
{
	struct sched_gate *g;
	struct sched_source *x;

	while ((g = TAILQ_FIRST(&s->gates)) != NULL) {
		TAILQ_REMOVE(&s->gates, g, next);
		free((char *)(uintptr_t)g->pool.p);
		free(g->sources);
		free(g);
	}
	while ((x = TAILQ_FIRST(&s->sources)) != NULL) {
		TAILQ_REMOVE(&s->sources, x, next);
		free((char *)(uintptr_t)x->name.p);
		free(x);
	}
	pools_free(s);
}
