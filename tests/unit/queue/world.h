/*
 * A simulated world for the scheduler: virtual time, destinations that are fast, slow, busy or dead,
 * messages in memory and on disk. Included by the tests of the scheduler.
 */
#ifndef TEST_QUEUE_WORLD_H
#define TEST_QUEUE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../queue/sched.h"
#include "base/alloc.h"

enum { WORLD_DESTS = 20000, WORLD_TRANSPORT = 1 };

struct mail {
	struct sched_work work;
	struct sched_parked parked;
	uint64_t added, first_job, done; /* ms */
	uint32_t recipients, delivered, dropped;
	unsigned dest;
	uint8_t lane;
	bool on_disk;
};

struct flight {
	uint64_t end;
	struct sched_work *work; /* NULL: mail comes into memory */
	struct mail *mail;
	uint32_t n;
	struct sched_source *source;
};

/* What a destination is like, and what happened to it. */
static struct place {
	bool dead;
	uint32_t busy_at; /* more jobs than that at once, and it says 421; 0 = never */
	uint32_t flying, jobs, peak, delivered;
	struct str pool; /* of sources, that its mail goes out from */
} places[WORLD_DESTS];

static struct sched *sched;
static uint64_t now;
static struct flight *flights; /* a heap by end */
static size_t nflights, cap_flights;
static uint64_t jobs, dropped_count, calls, most_in_memory, in_memory;
static uint64_t memory_max; /* messages that fit into memory; 0 = any number */
static uint64_t turns_of_loop, coming;
static bool keeps_suspended; /* what is put off is parked, as the queue does it */

static void flight_push(struct flight f)
{
	size_t i = nflights++;

	if (nflights > cap_flights) {
		cap_flights = cap_flights == 0 ? 1024 : cap_flights * 2;
		flights = xreallocarray(flights, cap_flights, sizeof *flights);
	}
	while (i > 0 && flights[(i - 1) / 2].end > f.end) {
		flights[i] = flights[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	flights[i] = f;
}

static struct flight flight_pop(void)
{
	struct flight top = flights[0], last = flights[--nflights];
	size_t i = 0;

	for (;;) {
		size_t c = 2 * i + 1;

		if (c >= nflights)
			break;
		if (c + 1 < nflights && flights[c + 1].end < flights[c].end)
			c++;
		if (flights[c].end >= last.end)
			break;
		flights[i] = flights[c];
		i = c;
	}
	flights[i] = last;
	return top;
}

static struct sched_site site_of(unsigned dest, char name[32])
{
	snprintf(name, 32, "[mx%u.example]:25", dest);
	return (struct sched_site){
		.transport = WORLD_TRANSPORT, .key = str_of(name), .pool = places[dest].pool
	};
}

static void to_disk(struct mail *m)
{
	char name[32];
	struct sched_site site = site_of(m->dest, name);

	m->on_disk = true;
	in_memory--;
	sched_park(sched, &m->parked, &site, m->lane, now);
}

static void dropped(struct sched_work *w, uint64_t until)
{
	struct mail *m = w->owner;

	assert_true(until > now);
	dropped_count++;
	if (keeps_suspended && w->flying == 0) {
		to_disk(m);
		return;
	}
	m->dropped += w->left;
	w->left = 0;
}

/* Into the scheduler, or onto the disk. */
static bool bring(struct mail *m)
{
	char name[32];
	struct sched_site site = site_of(m->dest, name);
	uint64_t until;
	enum sched_added r;

	if (memory_max != 0)
		sched_set_room(
		    sched, in_memory < memory_max ? (uint32_t)(memory_max - in_memory) : 0);
	if (++in_memory > most_in_memory)
		most_in_memory = in_memory;
	m->on_disk = false;
	m->work.called = m->parked.called;
	m->work.lane = m->lane;
	r = sched_add(sched, &m->work, &site, now, &until);
	sched_unpark(&m->parked, now);
	if (r == SCHED_FULL || (r == SCHED_SUSPENDED && keeps_suspended)) {
		to_disk(m);
		return false;
	}
	if (r == SCHED_SUSPENDED) {
		m->dropped += m->work.left;
		in_memory--;
		dropped_count++;
	}
	return r == SCHED_QUEUED;
}

static bool add(struct mail *m, unsigned dest, uint32_t recipients, uint8_t lane)
{
	*m = (struct mail){ .work = { .owner = m, .left = recipients },
		.added = now,
		.recipients = recipients,
		.dest = dest,
		.lane = lane };
	return bring(m);
}

static void (*on_start)(const struct sched_job *j); /* who wants to see each; NULL = nobody */

static void start_jobs(uint64_t ms)
{
	struct sched_job j;
	struct sched_parked *called;

	while (sched_next(sched, now, &j)) {
		struct mail *m = j.work->owner;
		struct place *p = &places[m->dest];

		if (on_start != NULL)
			on_start(&j);
		jobs++;
		p->jobs++;
		if (++p->flying > p->peak)
			p->peak = p->flying;
		if (m->first_job == 0)
			m->first_job = now;
		flight_push((struct flight){
		    now + ms + (uint64_t)(random() % 50), j.work, m, j.n, j.source });
	}
	while ((memory_max == 0 || in_memory + coming < memory_max) &&
	       (called = sched_call(sched, now)) != NULL) {
		struct mail *m =
		    (struct mail *)(void *)((char *)called - offsetof(struct mail, parked));

		calls++;
		coming++;
		flight_push((struct flight){ now + 2, NULL, m, 0, NULL });
	}
}

static void land(const struct flight *f)
{
	struct mail *m = f->mail;
	struct place *p = &places[m->dest];
	struct sched_end end = { .verdict = SCHED_OK, .source = f->source };

	if (f->work == NULL) {
		coming--;
		bring(m);
		return;
	}
	if (p->dead)
		end = (struct sched_end){ SCHED_SITE, .source = f->source, .said = STR("dead") };
	else if (p->busy_at != 0 && p->flying > p->busy_at)
		end.verdict = SCHED_BUSY;
	p->flying--;
	if (end.verdict == SCHED_OK) {
		m->delivered += f->n;
		p->delivered += f->n;
	} else if (keeps_suspended) {
		m->work.first -= f->n; /* tried again; only with one job at a time */
		m->work.left += f->n;
	} else {
		m->dropped += f->n;
	}
	m->done = now;
	sched_done(sched, f->work, &end, now, dropped);
	if (m->work.flying == 0 && !m->work.queued && !m->on_disk) {
		if (m->work.left > 0)
			to_disk(m);
		else
			in_memory--;
	}
}

/* Runs until nothing happens any more, or until `end`. */
static void run(uint64_t ms, uint64_t end)
{
	for (;;) {
		uint64_t wait, next = UINT64_MAX;

		turns_of_loop++;
		start_jobs(ms);
		wait = sched_wait(sched, now);
		if (wait != UINT64_MAX) {
			assert_true(wait > 0); /* no busy loop */
			next = now + wait;
		}
		if (nflights > 0 && flights[0].end <= next)
			next = flights[0].end;
		if (next == UINT64_MAX || next > end)
			break;
		now = next;
		while (nflights > 0 && flights[0].end <= now) {
			struct flight f = flight_pop();

			land(&f);
		}
	}
	if (now < end && end != UINT64_MAX)
		now = end;
}

static void world(uint32_t max_jobs, uint32_t per_dest, uint32_t batch, const struct rates *rates)
{
	struct sched_policy p = { .concurrency = per_dest,
		.start = per_dest < 5 ? per_dest : 5,
		.batch = batch,
		.min_backoff = 60000,
		.max_backoff = 4000000 };

	sched = sched_new(42);
	if (rates != NULL)
		p.rates = *rates;
	sched_set_limits(sched, WORLD_TRANSPORT, &(struct sched_limits){ .jobs = max_jobs });
	sched_set_policies(sched, &p, &STR_NONE, 1);
	now = 1000;
	nflights = 0;
	jobs = dropped_count = calls = in_memory = most_in_memory = turns_of_loop = 0;
	coming = memory_max = 0;
	keeps_suspended = false;
	on_start = NULL;
	memset(places, 0, sizeof places);
	srandom(7);
}

static void world_end(void)
{
	sched_free(sched);
	free(flights);
	flights = NULL;
	cap_flights = 0;
}

#endif
