/* What the scheduler is doing, for whoever asks. */
#include "sched_impl.h"

struct counting {
	struct sched_counts c;
	uint64_t now;
};

static void count(struct sched_dest *d, void *arg)
{
	struct counting *x = arg;

	x->c.suspended += d->until > x->now;
	x->c.slowed += sched_slowness(d, x->now) > 1 || d->pause > x->now;
}

struct sched_counts sched_counts(const struct sched *s, uint64_t now)
{
	struct counting x = {
		.c = { .destinations = s->ndests, .queued = s->queued, .parked = s->parked },
		.now = now,
	};

	for (unsigned t = 0; t < SCHED_TRANSPORTS; t++)
		x.c.flying += s->transports[t].flying;
	sched_dest_each(s, count, &x);
	return x.c;
}

/* The first that says no, in the order of a delivery. */
static enum sched_limiter limiter_of(
    struct sched *s, const struct sched_dest *d, uint64_t now, struct sched_view *v)
{
	const struct sched_transport *t = &s->transports[d->transport];
	const struct rates *r = &sched_policy_of(d)->rates;

	v->wait = 0;
	if (t->paused)
		return LIMIT_WORKER;
	if (d->until > now) {
		v->wait = d->until - now;
		return LIMIT_SUSPENSION;
	}
	if (d->pause > now) {
		v->wait = d->pause - now;
		return LIMIT_PAUSE;
	}
	if (d->flying >= v->window)
		return v->window < v->cap ? LIMIT_WINDOW : LIMIT_CAP;
	v->wait = buckets_wait(&d->buckets, r, v->slow, now, &v->rate);
	if (v->wait > 0)
		return LIMIT_RATE;
	v->wait = sched_gate_wait(d->gate, now);
	if (v->wait > 0) {
		v->wait = v->wait == UINT64_MAX ? 0 : v->wait;
		return LIMIT_SOURCES;
	}
	if (t->flying >= t->limits.jobs)
		return LIMIT_JOBS;
	v->wait = buckets_wait(&t->buckets, &t->limits.rates, 1, now, &v->rate);
	if (v->wait > 0)
		return LIMIT_TRANSPORT_RATE;
	for (unsigned l = 0; l < LANES; l++) {
		if (v->queued[l] > 0)
			return LIMIT_LANE;
	}
	return LIMIT_NONE;
}

bool sched_look(struct sched *s, const struct sched_site *site, uint64_t now, struct sched_view *v)
{
	const struct sched_transport *t = &s->transports[site->transport];
	const struct sched_policy *p = &s->policies[site->policy];
	const struct sched_dest *d = sched_dest_find(s, site);

	*v = (struct sched_view){ .policy = site->policy,
		.slow = 1,
		.said = STR_NONE,
		.window = p->start,
		.cap = p->concurrency,
		.jobs = t->flying,
		.jobs_max = t->limits.jobs };
	if (d == NULL) {
		v->limiter = t->paused ? LIMIT_WORKER : LIMIT_NONE;
		return false;
	}
	v->policy = d->policy;
	v->slow = sched_slowness(d, now);
	v->slow_ms = v->slow > 1 ? d->slow_until - now : 0;
	v->pace = (double)d->pace;
	v->said = str_of(d->said);
	v->said_ms = d->said != NULL ? now - d->said_at : 0;
	v->flying = d->flying;
	v->window = sched_window(d, now);
	v->cap = sched_cap(d, now);
	for (unsigned l = 0; l < LANES; l++) {
		if (d->turns[l] == NULL)
			continue;
		v->queued[l] = d->turns[l]->queued;
		v->parked[l] = d->turns[l]->waiting + d->turns[l]->called;
	}
	v->limiter = limiter_of(s, d, now, v);
	return true;
}

bool sched_prompt(
    struct sched *s, const struct sched_site *site, uint64_t pace, uint64_t wait, uint64_t now)
{
	const struct sched_dest *d = sched_dest_find(s, site);
	struct sched_view v;
	uint32_t ahead = 0;

	if (d == NULL || d->pace <= 0 || d->pace > (float)pace)
		return false;
	sched_look(s, site, now, &v);
	if (v.limiter != LIMIT_NONE && v.limiter != LIMIT_WINDOW && v.limiter != LIMIT_CAP)
		return false;
	for (unsigned l = 0; l < LANES; l++) {
		if (v.parked[l] > 0)
			return false;
		ahead += v.queued[l];
	}
	return d->pace * (float)(1 + ahead / v.window) <= (float)wait;
}
