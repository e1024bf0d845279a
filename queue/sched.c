/* The scheduler. See sched.h. */
#include "sched.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sched_impl.h"

enum {
	PAUSE_MS = 1000, /* the first of a site that is busy; doubles up to min_backoff */
	SLOW_MAX = 1000, /* times, however many replies slow a site down */
	CALLS_AHEAD = 2, /* messages on their way into memory, in windows */
	ROOM_SHARE = 4, /* a lane of one destination may fill the n-th part of what is free */
};

static uint64_t next_random(struct sched *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return s->random;
}

/* --- what may go now -------------------------------------------------------------------------- */

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

/* Something has changed. */
static void dest_update(struct sched *s, struct sched_dest *d, uint64_t now)
{
	uint64_t at = open_at(d, now);
	bool room = d->flying < sched_window(d, now);

	for (unsigned l = 0; l < LANES; l++) {
		if (d->turns[l] != NULL)
			turn_update(d->turns[l], room && at <= now, now);
	}
	sched_timer(s, d, at > now && (has_works(d) || has_parked(d)) ? at : 0);
}

static void wake_due(struct sched *s, uint64_t now)
{
	struct sched_dest *d;

	while ((d = sched_timer_due(s, now)) != NULL)
		dest_update(s, d, now);
}

/* --- work in and out -------------------------------------------------------------------------- */

static void work_out(struct sched *s, struct sched_work *w)
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
	dest_update(s, d, now);
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
	work_out(s, w);
	if (w->flying == 0)
		w->dest = NULL;
	dest_update(s, d, now);
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
		work_out(s, w);
	} else {
		TAILQ_REMOVE(&turn->works, w, next);
		TAILQ_INSERT_TAIL(&turn->works, w, next);
	}
	dest_update(s, d, now);
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
	wake_due(s, now);
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

	wake_due(s, now);
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

/* --- on disk ---------------------------------------------------------------------------------- */

void sched_park(struct sched *s, struct sched_parked *p, const struct sched_site *site,
    uint8_t lane, uint64_t now)
{
	struct sched_dest *d = sched_dest_get(s, site);
	struct sched_turn *t;

	sched_unpark(p, now);
	sched_dest_wake(s, d);
	t = sched_turn_get(d, lane);
	p->turn = t;
	p->called = false;
	TAILQ_INSERT_TAIL(&t->parked, p, next);
	t->waiting++;
	s->parked++;
	dest_update(s, d, now);
}

void sched_unpark(struct sched_parked *p, uint64_t now)
{
	struct sched_turn *t = p->turn;
	struct sched_dest *d;

	if (t == NULL)
		return;
	d = t->dest;
	if (p->called) {
		t->called--;
		d->gate->held--;
	} else {
		TAILQ_REMOVE(&t->parked, p, next);
		t->waiting--;
		d->sched->parked--;
	}
	p->turn = NULL;
	p->called = false;
	dest_update(d->sched, d, now);
	sched_dest_rest(d->sched, d, now);
}

struct sched_parked *sched_call(struct sched *s, uint64_t now)
{
	struct sched_turn *t;
	struct sched_parked *p;

	wake_due(s, now);
	t = sched_turn_calling(s, now);
	if (t == NULL)
		return NULL;
	p = TAILQ_FIRST(&t->parked);
	TAILQ_REMOVE(&t->parked, p, next);
	t->waiting--;
	s->parked--;
	t->called++;
	t->dest->gate->held++;
	p->called = true;
	/* the others have their turn first */
	TAILQ_REMOVE(&t->dest->gate->calling[t->lane], t, call_next);
	t->calling = false;
	dest_update(s, t->dest, now);
	return p;
}

/* --- feedback --------------------------------------------------------------------------------- */

static void drop_queued(
    struct sched *s, struct sched_dest *d, void (*dropped)(struct sched_work *w, uint64_t until))
{
	for (unsigned l = 0; l < LANES; l++) {
		struct sched_work *w;

		while (d->turns[l] != NULL && (w = TAILQ_FIRST(&d->turns[l]->works)) != NULL) {
			work_out(s, w);
			if (w->flying == 0)
				w->dest = NULL;
			dropped(w, d->until);
		}
	}
}

static void die(struct sched *s, struct sched_dest *d, uint64_t now)
{
	const struct sched_policy *p = sched_policy_of(d);
	uint64_t ms = p->min_backoff;

	for (unsigned i = 0; i < d->deaths && ms < p->max_backoff; i++)
		ms *= 2;
	if (ms > p->max_backoff)
		ms = p->max_backoff;
	if (d->deaths < UINT8_MAX)
		d->deaths++;
	d->cohorts = 0;
	d->window = 1; /* one probe when it ends */
	d->until = now + sched_jitter(s, ms);
}

/* A window's worth of such answers halves it. */
static void be_slower(struct sched *s, struct sched_dest *d, uint64_t now)
{
	uint64_t ms = PAUSE_MS, most = sched_policy_of(d)->min_backoff;

	if (d->window > 1) {
		d->window = d->window > 1.5F ? d->window - 0.5F : 1;
		return;
	}
	for (unsigned i = 0; i < d->pauses && ms < most; i++)
		ms *= 2;
	if (d->pauses < UINT8_MAX)
		d->pauses++;
	d->pause = now + sched_jitter(s, ms < most ? ms : most);
}

static void feedback(struct sched *s, struct sched_dest *d, enum sched_verdict verdict,
    uint64_t now, void (*dropped)(struct sched_work *w, uint64_t until))
{
	if (verdict == SCHED_OK) {
		d->cohorts = 0;
		d->deaths = d->pauses = 0;
		d->until = d->pause = 0;
		d->window += 1 / d->window;
		if (d->window > (float)sched_policy_of(d)->concurrency)
			d->window = (float)sched_policy_of(d)->concurrency;
	} else if (verdict == SCHED_BUSY && d->until <= now && d->pause <= now) {
		be_slower(s, d, now);
	} else if (verdict == SCHED_SITE && d->until <= now) {
		d->cohorts += 1 / d->window;
		d->window = d->window > 2 ? d->window - 1 / d->window : 1;
		/* the sum of halves and thirds may miss one by a rounding */
		if (d->cohorts > 0.99F || d->deaths > 0) {
			die(s, d, now);
			drop_queued(s, d, dropped);
		}
	}
}

void sched_done(struct sched *s, struct sched_work *w, const struct sched_end *end, uint64_t now,
    void (*dropped)(struct sched_work *w, uint64_t until))
{
	struct sched_dest *d = w->dest;
	struct sched_transport *t;

	assert(w->flying > 0 && d->flying > 0);
	t = &s->transports[d->transport];
	w->flying--;
	d->flying--;
	t->flying--;
	if (end->source != NULL)
		end->source->flying--;
	if (w->flying == 0 && !w->queued)
		w->dest = NULL;
	if (end->reused) {
		bucket_give(&d->buckets, &sched_policy_of(d)->rates, RATE_CONNECTIONS,
		    sched_slowness(d, now), 1);
		bucket_give(&t->buckets, &t->limits.rates, RATE_CONNECTIONS, 1, 1);
		if (end->source != NULL)
			bucket_give(
			    &end->source->buckets, &end->source->rates, RATE_CONNECTIONS, 1, 1);
	}
	feedback(s, d, end->verdict, now, dropped);
	dest_update(s, d, now);
	sched_dest_rest(s, d, now);
}

/* --- from outside ----------------------------------------------------------------------------- */

void sched_suspend(struct sched *s, const struct sched_site *site, uint64_t until, uint64_t now,
    void (*dropped)(struct sched_work *w, uint64_t until))
{
	struct sched_dest *d = sched_dest_get(s, site);

	sched_dest_wake(s, d);
	d->until = until;
	d->window = 1;
	drop_queued(s, d, dropped);
	dest_update(s, d, now);
	sched_dest_rest(s, d, now);
}

static void resume(struct sched_dest *d, void *arg)
{
	const uint64_t *now = arg;

	d->until = d->pause = d->slow_until = 0;
	dest_update(d->sched, d, *now);
}

void sched_resume(struct sched *s, const struct sched_site *site, uint64_t now)
{
	struct sched_dest *d = sched_dest_find(s, site);

	if (d != NULL) {
		d->deaths = 0;
		resume(d, &now);
	}
}

void sched_slow(
    struct sched *s, const struct sched_site *site, double factor, uint64_t until, uint64_t now)
{
	struct sched_dest *d = factor > 1 ? sched_dest_get(s, site) : sched_dest_find(s, site);

	if (d == NULL)
		return;
	sched_dest_wake(s, d);
	d->slow = (float)(factor < SLOW_MAX ? factor : SLOW_MAX);
	d->slow_until = until;
	dest_update(s, d, now);
	sched_dest_rest(s, d, now);
}

void sched_revive(struct sched *s, uint64_t now)
{
	sched_dest_each(s, resume, &now);
}

uint64_t sched_jitter(struct sched *s, uint64_t ms)
{
	return ms - ms / 8 + next_random(s) % (ms / 4 + 1);
}

uint64_t sched_backoff(struct sched *s, uint64_t age, uint64_t min, uint64_t max)
{
	return sched_jitter(s, age < min ? min : age > max ? max : age);
}

/* --- life and settings ------------------------------------------------------------------------ */

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
	sched_set_weights(s, weights);
	sched_dests_init(s);
	sched_set_policies(s, &any, &STR_NONE, 1);
	return s;
}

static void names_free(struct str *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free((char *)(uintptr_t)names[i].p);
	free(names);
}

void sched_free(struct sched *s)
{
	sched_dests_free(s);
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

void sched_set_policies(
    struct sched *s, const struct sched_policy *p, const struct str *names, unsigned n)
{
	uint16_t *numbers = xcalloc(s->npolicies + 1, sizeof *numbers);
	struct str *copies = xcalloc(n, sizeof *copies);

	assert(n > 0 && n <= SCHED_POLICIES_MAX);
	for (unsigned i = 0; i < n; i++) {
		assert(p[i].start > 0 && p[i].batch > 0 && p[i].concurrency > 0);
		copies[i] = str_bytes(str_dup(names[i]), names[i].n);
		for (unsigned k = 1; k < s->npolicies; k++) {
			if (i > 0 && str_eq(s->names[k], names[i]))
				numbers[k] = (uint16_t)i;
		}
	}
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
