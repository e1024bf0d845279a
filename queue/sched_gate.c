/*
 * Gates: destinations that share a pool of sources stand behind one, which opens as these let it; what
 * no pool is for stands behind one that is always open. And whose turn it is of all of them.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "sched_impl.h"

enum {
	GATE_SHARE = 4, /* of the room in memory, what stands behind one gate may take */
	GATE_MIN = 100, /* works, however little room there is: so that it goes on */
};

struct sched_gate *sched_gate_find(const struct sched *s, uint8_t transport, struct str pool)
{
	struct sched_gate *g;

	TAILQ_FOREACH (g, &s->gates, next) {
		if (g->transport == transport && str_eq(g->pool, pool))
			return g;
	}
	return NULL;
}

void sched_gate_fill(const struct sched *s, struct sched_gate *g)
{
	g->nsources = g->turn = 0;
	for (unsigned i = 0; i < s->npools; i++) {
		const struct sched_pool *p = &s->pools[i];

		if (!str_eq(p->name, g->pool))
			continue;
		g->sources = xreallocarray(g->sources, p->n + 1, sizeof(struct sched_source *));
		for (unsigned k = 0; k < p->n; k++)
			g->sources[g->nsources++] = sched_source_find(s, p->sources[k]);
	}
}

static struct sched_gate *gate_new(struct sched *s, uint8_t transport, struct str pool)
{
	struct sched_gate *g = xcalloc(1, sizeof *g);

	g->transport = transport;
	g->pool = str_clone(pool);
	for (unsigned l = 0; l < LANES; l++) {
		TAILQ_INIT(&g->ready[l]);
		TAILQ_INIT(&g->calling[l]);
	}
	sched_gate_fill(s, g);
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

uint64_t sched_gate_wait(const struct sched_gate *g, uint64_t now)
{
	uint64_t wait = g->pool.n == 0 ? 0 : UINT64_MAX;

	for (unsigned i = 0; i < g->nsources; i++) {
		uint64_t ms = sched_source_wait(g->sources[i], now);

		wait = ms < wait ? ms : wait;
	}
	return wait;
}

struct sched_source *sched_gate_source(struct sched_gate *g, uint64_t now)
{
	for (unsigned i = 0; i < g->nsources; i++) {
		struct sched_source *x = g->sources[(g->turn + i) % g->nsources];

		if (sched_source_wait(x, now) == 0) {
			g->turn = (g->turn + i + 1) % g->nsources;
			return x;
		}
	}
	return NULL;
}

/* --- whose turn it is ------------------------------------------------------------------------ */

/* Smooth weighted round robin over the lanes that have something. */
static int choose_lane(
    const struct sched *s, int credit[LANES], struct sched_gate *const first[LANES])
{
	int best = -1, total = 0;

	for (int l = 0; l < LANES; l++) {
		if (first[l] == NULL) {
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
	struct sched_gate *g, *first[LANES] = { NULL };
	int lane;

	TAILQ_FOREACH (g, &s->gates, next) {
		if (!may(s, g, call, transport, now))
			continue;
		for (int l = 0; l < LANES; l++) {
			if (first[l] == NULL && !TAILQ_EMPTY(turns_of(g, call, l)))
				first[l] = g;
		}
	}
	lane = choose_lane(s, credit, first);
	if (lane == -1)
		return NULL;
	/* the others have their turn first */
	g = first[lane];
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

void sched_gates_init(struct sched *s)
{
	TAILQ_INIT(&s->gates);
	for (uint8_t t = 0; t < SCHED_TRANSPORTS; t++)
		gate_new(s, t, STR_NONE);
}

void sched_gates_free(struct sched *s)
{
	struct sched_gate *g;

	while ((g = TAILQ_FIRST(&s->gates)) != NULL) {
		TAILQ_REMOVE(&s->gates, g, next);
		str_free(&g->pool);
		free(g->sources);
		free(g);
	}
}
