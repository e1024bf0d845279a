/*
 * What a destination's answers, and people, make of it: how much it gets at a time, when it has a
 * rest, and when it counts as dead.
 */
#include <assert.h>

#include "sched_impl.h"

enum {
	PAUSE_MS = 1000, /* the first of a site that is busy; doubles up to min_backoff */
	PACE_JOBS = 8, /* so many, about, say how long a job takes */
	SLOW_MAX = 1000, /* times, however many replies slow a site down */
};

static void drop_queued(
    struct sched *s, struct sched_dest *d, void (*dropped)(struct sched_work *w, uint64_t until))
{
	for (unsigned l = 0; l < LANES; l++) {
		struct sched_work *w;

		while (d->turns[l] != NULL && (w = TAILQ_FIRST(&d->turns[l]->works)) != NULL) {
			sched_work_out(s, w);
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

static void keep_pace(struct sched_dest *d, enum sched_verdict verdict, uint32_t took)
{
	float ms = (float)took + 1;

	if (verdict == SCHED_BUSY || verdict == SCHED_SITE)
		d->pace = 0;
	else if (d->pace > 0 &&
		 (verdict == SCHED_OK || ms > d->pace)) /* who defers slowly is slow */
		d->pace += (ms - d->pace) / PACE_JOBS;
	else if (verdict == SCHED_OK)
		d->pace = ms;
}

void sched_late(const struct sched_work *w, uint32_t ms)
{
	if (w->flying > 0 && w->dest->pace < (float)ms)
		w->dest->pace = (float)ms;
}

static void feedback(struct sched *s, struct sched_dest *d, const struct sched_end *end,
    uint64_t now, void (*dropped)(struct sched_work *w, uint64_t until))
{
	enum sched_verdict verdict = end->verdict;

	if (verdict == SCHED_BUSY || verdict == SCHED_SITE)
		sched_dest_said(d, end->said, now);
	if (verdict == SCHED_OK) {
		sched_dest_said(d, STR_NONE, now);
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
	keep_pace(d, end->verdict, end->took);
	feedback(s, d, end, now, dropped);
	sched_dest_update(s, d, now);
	sched_dest_rest(s, d, now);
}

void sched_suspend(struct sched *s, const struct sched_site *site, uint64_t until, uint64_t now,
    void (*dropped)(struct sched_work *w, uint64_t until))
{
	struct sched_dest *d = sched_dest_get(s, site);

	sched_dest_wake(s, d);
	d->until = until;
	d->window = 1;
	drop_queued(s, d, dropped);
	sched_dest_update(s, d, now);
	sched_dest_rest(s, d, now);
}

static void resume(struct sched_dest *d, void *arg)
{
	const uint64_t *now = arg;

	d->until = d->pause = d->slow_until = 0;
	sched_dest_update(d->sched, d, *now);
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
	sched_dest_update(s, d, now);
	sched_dest_rest(s, d, now);
}

void sched_revive(struct sched *s, uint64_t now)
{
	sched_dest_each(s, resume, &now);
}
