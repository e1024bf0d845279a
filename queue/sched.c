/* The scheduler. See sched.h. */
#include "sched.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sched_impl.h"

enum {
	CALLS_AHEAD = 2, /* messages on their way into memory, in windows */
	ROOM_SHARE = 4, /* a lane of one destination may fill the n-th part of what is free */
};

/* --- what may go now ------------------------------------------------------------------------- */

uint32_t sched_cap(const struct sched_dest *d, uint64_t now)
{
	double cap = sched_policy_of(d)->concurrency / sched_slowness(d, now);

	return cap > 1 ? (uint32_t)cap : 1;
}

uint32_t sched_window(const struct sched_dest *d, uint64_t now)
{
	uint32_t cap = sched_cap(d, now), window = (uint32_t)d->window;

	return window < 1 ? 1 : window < cap ? window : cap;
}

/* When it may have the next job as far as time is concerned; now or earlier: at once. */
static uint64_t open_at(const struct sched_dest *d, uint64_t now)
{
	uint64_t at = d->until > d->pause ? d->until : d->pause;
	enum rate_kind which;

	if (at > now)
		return at;
	return now + buckets_wait(&d->buckets, &sched_policy_of(d)->rates, sched_slowness(d, now),
			 now, &which);
}

static bool has_works(const struct sched_dest *d)
{
	for (unsigned l = 0; l < LANES; l++) {
		if (d->turns[l] != NULL && d->turns[l]->queued > 0)
			return true;
	}
	return false;
}

static bool has_parked(const struct sched_dest *d)
{
	for (unsigned l = 0; l < LANES; l++) {
		if (d->turns[l] != NULL && d->turns[l]->waiting > 0)
			return true;
	}
	return false;
}

/* Works of one lane that are enough to keep it busy. */
static uint32_t enough(const struct sched_dest *d, uint64_t now)
{
	/* whether it is back is found out with one */
	if (d->deaths > 0)
		return d->flying == 0 && !has_works(d) ? 1 : 0;
	return CALLS_AHEAD * (sched_window(d, now) + 1);
}

/* Puts a lane of a destination among those that may go, that may call, or takes it out. */
static void turn_update(struct sched_turn *t, bool open, uint64_t now)
{
	struct sched_gate *gate = t->dest->gate;
	bool ready = open && t->queued > 0;
	bool calling = t->waiting > 0 && t->dest->until <= now && t->dest->pause <= now &&
		       t->queued + t->called < enough(t->dest, now);

	if (ready && !t->ready)
		TAILQ_INSERT_TAIL(&gate->ready[t->lane], t, next);
	else if (!ready && t->ready)
		TAILQ_REMOVE(&gate->ready[t->lane], t, next);
	t->ready = ready;
	if (calling && !t->calling)
		TAILQ_INSERT_TAIL(&gate->calling[t->lane], t, call_next);
	else if (!calling && t->calling)
		TAILQ_REMOVE(&gate->calling[t->lane], t, call_next);
	t->calling = calling;
}

void sched_dest_update(struct sched *s, struct sched_dest *d, uint64_t now)
{
	uint64_t at = open_at(d, now);
	bool room = d->flying < sched_window(d, now);

	for (unsigned l = 0; l < LANES; l++) {
		if (d->turns[l] != NULL)
			turn_update(d->turns[l], room && at <= now, now);
	}
	sched_timer(s, d, at > now && (has_works(d) || has_parked(d)) ? at : 0);
}

void sched_dests_wake_due(struct sched *s, uint64_t now)
{
	struct sched_dest *d;

	while ((d = sched_timer_due(s, now)) != NULL)
		sched_dest_update(s, d, now);
}

/* --- work in and out ------------------------------------------------------------------------- */

void sched_work_out(struct sched *s, struct sched_work *w)
{
	struct sched_turn *t;

	if (!w->queued)
		return;
	t = w->dest->turns[w->lane];
	TAILQ_REMOVE(&t->works, w, next);
	t->queued--;
	w->dest->gate->held--;
	w->queued = false;
	s->queued--;
}

/* Memory is shared, and those on disk came first. */
static bool full(const struct sched *s, const struct sched_turn *t, uint64_t now)
{
	uint32_t most = s->room / ROOM_SHARE;

	if (t->waiting > 0 && most > enough(t->dest, now))
		most = enough(t->dest, now);
	return t->queued + t->called >= most || sched_gate_crowded(s, t->dest->gate);
}

enum sched_added sched_add(struct sched *s, struct sched_work *w, const struct sched_site *site,
    uint64_t now, uint64_t *until)
{
	struct sched_dest *d = sched_dest_get(s, site);
	struct sched_turn *t;

	assert(!w->queued && w->left > 0);
	if (d->until > now) {
		*until = d->until;
		sched_dest_rest(s, d, now);
		return SCHED_SUSPENDED;
	}
	sched_dest_wake(s, d);
	t = sched_turn_get(d, w->lane);
	if (!w->called && full(s, t, now)) {
		sched_dest_rest(s, d, now);
		return SCHED_FULL;
	}
	w->dest = d;
	w->flying = 0;
	w->queued = true;
	TAILQ_INSERT_TAIL(&t->works, w, next);
	t->queued++;
	d->gate->held++;
	s->queued++;
	sched_dest_update(s, d, now);
	return SCHED_QUEUED;
}

struct str sched_work_pool(const struct sched_work *w)
{
	return w->dest != NULL ? w->dest->gate->pool : STR_NONE;
}

void sched_cancel(struct sched *s, struct sched_work *w, uint64_t now)
{
	struct sched_dest *d = w->dest;

	w->left = 0;
	if (d == NULL)
		return;
	sched_work_out(s, w);
	if (w->flying == 0)
		w->dest = NULL;
	sched_dest_update(s, d, now);
	sched_dest_rest(s, d, now);
}

/* What a job costs; its connection may turn out to be there already. */
static void charge(
    struct buckets *b, const struct rates *r, double slow, uint32_t recipients, uint64_t now)
{
	bucket_take(b, r, RATE_MESSAGES, slow, 1, now);
	bucket_take(b, r, RATE_RECIPIENTS, slow, recipients, now);
	bucket_take(b, r, RATE_CONNECTIONS, slow, 1, now);
}

static uint32_t job_size(const struct sched_transport *t, const struct sched_dest *d,
    const struct sched_work *w, const struct sched_source *x, uint64_t now)
{
	const struct sched_policy *p = sched_policy_of(d);
	uint32_t n = w->left < p->batch ? w->left : p->batch;
	uint32_t own =
	    bucket_room(&d->buckets, &p->rates, RATE_RECIPIENTS, sched_slowness(d, now), now);
	uint32_t all = bucket_room(&t->buckets, &t->limits.rates, RATE_RECIPIENTS, 1, now);
	uint32_t out = x == NULL ? n : bucket_room(&x->buckets, &x->rates, RATE_RECIPIENTS, 1, now);

	n = n < own ? n : own;
	n = n < all ? n : all;
	n = n < out ? n : out;
	return n > 0 ? n : 1;
}

/* Takes one job of the message whose turn it is. */
static void take_job(struct sched *s, struct sched_transport *t, struct sched_turn *turn,
    uint64_t now, struct sched_job *job)
{
	struct sched_dest *d = turn->dest;
	struct sched_work *w = TAILQ_FIRST(&turn->works);
	struct sched_source *x = sched_gate_source(d->gate, now);

	TAILQ_REMOVE(&d->gate->ready[turn->lane], turn, next);
	turn->ready = false;
	*job = (struct sched_job){
		.work = w, .first = w->first, .n = job_size(t, d, w, x, now), .source = x
	};
	w->first += job->n;
	w->left -= job->n;
	w->flying++;
	d->flying++;
	t->flying++;
	charge(&d->buckets, &sched_policy_of(d)->rates, sched_slowness(d, now), job->n, now);
	charge(&t->buckets, &t->limits.rates, 1, job->n, now);
	if (x != NULL) {
		x->flying++;
		charge(&x->buckets, &x->rates, 1, job->n, now);
	}
	if (w->left == 0) {
		sched_work_out(s, w);
	} else {
		TAILQ_REMOVE(&turn->works, w, next);
		TAILQ_INSERT_TAIL(&turn->works, w, next);
	}
	sched_dest_update(s, d, now);
}

static bool transport_open(const struct sched_transport *t)
{
	return !t->paused && t->flying < t->limits.jobs;
}

static uint64_t transport_wait(const struct sched_transport *t, uint64_t now)
{
	enum rate_kind which;

	return buckets_wait(&t->buckets, &t->limits.rates, 1, now, &which);
}

bool sched_next(struct sched *s, uint64_t now, struct sched_job *job)
{
	sched_dests_wake_due(s, now);
	for (unsigned i = 0; i < SCHED_TRANSPORTS; i++) {
		uint8_t which = (uint8_t)s->next_transport;
		struct sched_transport *t = &s->transports[which];
		struct sched_turn *turn;

		s->next_transport = (s->next_transport + 1) % SCHED_TRANSPORTS;
		if (!transport_open(t) || transport_wait(t, now) > 0)
			continue;
		turn = sched_turn_ready(s, which, now);
		if (turn == NULL)
			continue;
		take_job(s, t, turn, now, job);
		return true;
	}
	return false;
}

static bool any_ready(const struct sched_gate *g)
{
	for (unsigned l = 0; l < LANES; l++) {
		if (!TAILQ_EMPTY(&g->ready[l]))
			return true;
	}
	return false;
}

uint64_t sched_wait(struct sched *s, uint64_t now)
{
	uint64_t wait = UINT64_MAX;
	struct sched_gate *g;

	sched_dests_wake_due(s, now);
	if (s->nheap > 0)
		wait = s->heap[0]->wake - now;
	TAILQ_FOREACH (g, &s->gates, next) {
		const struct sched_transport *t = &s->transports[g->transport];
		uint64_t ms, out;

		if (!transport_open(t) || !any_ready(g))
			continue;
		ms = transport_wait(t, now);
		out = sched_gate_wait(g, now);
		ms = out > ms ? out : ms;
		wait = ms < wait ? ms : wait;
	}
	return wait;
}

/* --- chance ---------------------------------------------------------------------------------- */

static uint64_t next_random(struct sched *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return s->random;
}

uint64_t sched_jitter(struct sched *s, uint64_t ms)
{
	return ms - ms / 8 + next_random(s) % (ms / 4 + 1);
}

uint64_t sched_backoff(struct sched *s, uint64_t age, uint64_t min, uint64_t max)
{
	return sched_jitter(s, age < min ? min : age > max ? max : age);
}

/* --- life and settings ----------------------------------------------------------------------- */

struct sched *sched_new(uint64_t seed)
{
	static const unsigned weights[LANES] = {
		[LANE_USER] = 8, [LANE_BULK] = 2, [LANE_REPORT] = 2, [LANE_BOUNCE] = 2
	};
	static const struct sched_policy any = { .concurrency = 1, .start = 1, .batch = 1 };
	struct sched *s = xcalloc(1, sizeof *s);

	s->random = seed != 0 ? seed : 1;
	s->room = UINT32_MAX;
	sched_sources_init(s);
	sched_gates_init(s);
	sched_set_weights(s, weights);
	sched_dests_init(s);
	sched_set_policies(s, &any, &STR_NONE, 1);
	return s;
}

static void names_free(struct str *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		str_free(&names[i]);
	free(names);
}

void sched_free(struct sched *s)
{
	sched_dests_free(s);
	sched_gates_free(s);
	sched_sources_free(s);
	free(s->policies);
	names_free(s->names, s->npolicies);
	free(s);
}

void sched_set_limits(struct sched *s, uint8_t transport, const struct sched_limits *l)
{
	assert(transport < SCHED_TRANSPORTS);
	s->transports[transport].limits = *l;
}

/* arg: the new number of each old policy. */
static void renumber(struct sched_dest *d, void *arg)
{
	const uint16_t *numbers = arg;
	float cap;

	d->policy = numbers[d->policy];
	cap = (float)sched_policy_of(d)->concurrency;
	if (d->window > cap)
		d->window = cap;
}

/* The new number of what was the policy k; 0 when there is none of its name any more. */
static uint16_t number_of(const struct sched *s, unsigned k, const struct str *names, unsigned n)
{
	if (s->names[k].n == 0)
		return k < n && names[k].n == 0 ? (uint16_t)k : 0;
	for (unsigned i = 0; i < n; i++) {
		if (str_eq(s->names[k], names[i]))
			return (uint16_t)i;
	}
	return 0;
}

void sched_set_policies(
    struct sched *s, const struct sched_policy *p, const struct str *names, unsigned n)
{
	uint16_t *numbers = xcalloc(s->npolicies + 1, sizeof *numbers);
	struct str *copies = xcalloc(n, sizeof *copies);

	assert(n > 0 && n <= SCHED_POLICIES_MAX);
	for (unsigned i = 0; i < n; i++) {
		assert(p[i].start > 0 && p[i].batch > 0 && p[i].concurrency > 0);
		copies[i] = str_clone(names[i]);
	}
	for (unsigned k = 0; k < s->npolicies; k++)
		numbers[k] = number_of(s, k, names, n);
	names_free(s->names, s->npolicies);
	free(s->policies);
	s->names = copies;
	s->npolicies = n;
	s->policies = xcalloc(n, sizeof *s->policies);
	memcpy(s->policies, p, n * sizeof *p);
	sched_dest_each(s, renumber, numbers);
	free(numbers);
}

void sched_set_weights(struct sched *s, const unsigned weights[LANES])
{
	for (unsigned l = 0; l < LANES; l++)
		s->weights[l] = weights[l] > 0 ? (int)weights[l] : 1;
}

void sched_set_room(struct sched *s, uint32_t messages)
{
	s->room = messages;
}

void sched_pause(struct sched *s, uint8_t transport, bool paused)
{
	assert(transport < SCHED_TRANSPORTS);
	s->transports[transport].paused = paused;
}
