/* What the parts of the scheduler share. Included by sched*.c only. */
#ifndef QUEUE_SCHED_IMPL_H
#define QUEUE_SCHED_IMPL_H

#include "sched.h"

/* What one destination has waiting in one lane. */
struct sched_turn {
	TAILQ_HEAD(, sched_work) works;
	TAILQ_HEAD(, sched_parked) parked;
	TAILQ_ENTRY(sched_turn) next; /* among those of the transport that may go */
	TAILQ_ENTRY(sched_turn) call_next; /* among those whose parked may be called */
	struct sched_dest *dest;
	uint32_t queued, waiting, called; /* works, parked, called */
	uint8_t lane;
	bool ready, calling;
};

struct sched_dest {
	struct sched *sched;
	struct sched_gate *gate;
	struct sched_dest *hash_next;
	TAILQ_ENTRY(sched_dest) idle_next;
	struct sched_turn *turns[LANES]; /* NULL until it is needed */
	uint64_t until; /* suspended until then */
	uint64_t pause; /* nothing new until then */
	uint64_t slow_until;
	uint64_t wake; /* when something changes by itself; in the heap */
	uint32_t heap; /* 1 + place there; 0 = not in it */
	uint32_t flying;
	float window; /* jobs at once */
	float cohorts; /* failures of the site since the last success, in windows */
	char *said; /* by the last failure since the last success; NULL = there is none */
	uint64_t said_at;
	float slow;
	float
	    pace; /* ms that a job takes, of the last ones; 0 = not known, or one did not go well */
	struct buckets buckets;
	uint32_t hash;
	uint16_t policy;
	uint16_t key_len;
	uint8_t transport;
	uint8_t deaths; /* suspensions since the last success */
	uint8_t pauses; /* the same of pauses */
	bool idle;
	char key[];
};

TAILQ_HEAD(sched_turns, sched_turn);

struct sched_source {
	TAILQ_ENTRY(sched_source) next;
	struct str name;
	uint32_t jobs, flying;
	struct rates rates;
	struct buckets buckets;
	uint64_t until; /* suspended until then */
};

/* The destinations of one transport and one pool. Turns take turns, lanes by their weights. */
struct sched_gate {
	TAILQ_ENTRY(sched_gate) next;
	uint8_t transport;
	struct str pool; /* empty: always open */
	struct sched_source **sources;
	unsigned nsources, turn;
	struct sched_turns ready[LANES], calling[LANES];
	uint32_t held; /* works in memory, and messages on their way there */
};

struct sched_transport {
	struct sched_limits limits;
	struct buckets buckets;
	bool paused;
	uint32_t flying;
	int credit[LANES];
};

struct sched {
	struct sched_transport transports[SCHED_TRANSPORTS];
	struct sched_policy *policies;
	struct str *names; /* copies */
	unsigned npolicies;
	int weights[LANES];
	uint32_t room;
	struct sched_dest **buckets;
	size_t nbuckets, ndests, nidle;
	TAILQ_HEAD(, sched_dest) idle; /* the longest idle first */
	int call_credit[LANES];
	TAILQ_HEAD(, sched_gate) gates; /* whose turn it is first */
	TAILQ_HEAD(, sched_source) sources; /* all that there ever were */
	struct sched_pool *pools; /* copies */
	unsigned npools;
	struct sched_dest **heap; /* by wake */
	uint32_t nheap, cap_heap;
	uint64_t random;
	uint64_t queued, parked;
	unsigned next_transport;
};

/* --- sched_dest.c: which destinations there are ---------------------------------------------- */

/* NULL if nothing is known of it. */
struct sched_dest *sched_dest_find(const struct sched *s, const struct sched_site *site);
/* The same, or a new one. */
struct sched_dest *sched_dest_get(struct sched *s, const struct sched_site *site);
struct sched_turn *sched_turn_get(struct sched_dest *d, uint8_t lane);
/* Nothing to do for it now: what is known is kept while there is room. */
void sched_dest_rest(struct sched *s, struct sched_dest *d, uint64_t now);
/* There is something to do for it. */
void sched_dest_wake(struct sched *s, struct sched_dest *d);
/* What it said when it failed last; empty = it works. */
void sched_dest_said(struct sched_dest *d, struct str said, uint64_t now);
void sched_dest_each(const struct sched *s, void (*fn)(struct sched_dest *d, void *arg), void *arg);
void sched_dests_init(struct sched *s);
void sched_dests_free(struct sched *s);

/* --- sched_timer.c: when something changes by itself ----------------------------------------- */

/* Sets when it is to be looked at again; 0 = not by itself. */
void sched_timer(struct sched *s, struct sched_dest *d, uint64_t at);
/* One whose time has come, taken out, or NULL. */
struct sched_dest *sched_timer_due(struct sched *s, uint64_t now);
void sched_timers_free(struct sched *s);

/* --- sched_gate.c: who shares sources -------------------------------------------------------- */

struct sched_gate *sched_gate_find(const struct sched *s, uint8_t transport, struct str pool);
struct sched_gate *sched_gate_get(struct sched *s, uint8_t transport, struct str pool);
/* It has as much in memory as it may have. */
bool sched_gate_crowded(const struct sched *s, const struct sched_gate *g);
/* Milliseconds until one of its sources is free; 0 = one is; UINT64_MAX = when one of its jobs ends. */
uint64_t sched_gate_wait(const struct sched_gate *g, uint64_t now);
/* The source whose turn it is; NULL: any. */
struct sched_source *sched_gate_source(struct sched_gate *g, uint64_t now);
/* Whose turn it is of a transport's destinations that may go, of all that may call; NULL: nobody's. */
struct sched_turn *sched_turn_ready(struct sched *s, uint8_t transport, uint64_t now);
struct sched_turn *sched_turn_calling(struct sched *s, uint64_t now);
/* Its sources become those that the pool has now; none when there is no such pool. */
void sched_gate_fill(const struct sched *s, struct sched_gate *g);
void sched_gates_init(struct sched *s);
void sched_gates_free(struct sched *s);

/* --- sched_source.c: where mail goes out from ------------------------------------------------ */

struct sched_source *sched_source_find(const struct sched *s, struct str name);
/* Milliseconds until it may have a job; UINT64_MAX = when one of its own ends. */
uint64_t sched_source_wait(const struct sched_source *x, uint64_t now);
void sched_sources_init(struct sched *s);
void sched_sources_free(struct sched *s);

/* --- sched.c --------------------------------------------------------------------------------- */

static inline const struct sched_policy *sched_policy_of(const struct sched_dest *d)
{
	return &d->sched->policies[d->policy];
}
/* 1 when it is not slowed down. */
static inline double sched_slowness(const struct sched_dest *d, uint64_t now)
{
	return d->slow_until > now && d->slow > 1 ? (double)d->slow : 1;
}
/* Jobs that it may have at once now: of its window, of its cap. At least 1. */
uint32_t sched_cap(const struct sched_dest *d, uint64_t now);
uint32_t sched_window(const struct sched_dest *d, uint64_t now);
/* Something has changed: whether it may go, or call, is looked at again. */
void sched_dest_update(struct sched *s, struct sched_dest *d, uint64_t now);
/* The same of those whose time has come. */
void sched_dests_wake_due(struct sched *s, uint64_t now);
/* Takes work out of its lane; jobs of it may be under way. */
void sched_work_out(struct sched *s, struct sched_work *w);

#endif
