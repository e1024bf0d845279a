/* The scheduler. See sched.h. */
#include "sched.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum {
	BUCKETS_START = 256,
	IDLE_MAX = 4096, /* destinations that are remembered for what is known about them */
};

/* Turns of each lane when all have work. */
static const int weights[LANES] = { [LANE_USER] = 8, [LANE_BULK] = 2, [LANE_REPORT] = 2 };

/* What one destination has waiting in one lane. */
struct turn {
	TAILQ_HEAD(, sched_work) works;
	TAILQ_ENTRY(turn) next; /* among those of the transport that may go */
	struct sched_dest *dest;
	bool ready;
};

struct sched_dest {
	struct sched_dest *hash_next;
	TAILQ_ENTRY(sched_dest) idle_next;
	bool idle;
	uint8_t transport;
	uint32_t flying;
	double window; /* jobs at once */
	double cohorts; /* failures of the site since the last success, in windows */
	unsigned deaths; /* suspensions since the last success */
	uint64_t until; /* suspended until then */
	struct turn turns[LANES];
	uint32_t hash;
	size_t key_len;
	char key[];
};

struct transport {
	struct sched_limits limits;
	bool paused;
	uint32_t flying;
	TAILQ_HEAD(, turn) ready[LANES];
	int credit[LANES];
};

struct sched {
	struct transport transports[SCHED_TRANSPORTS];
	struct sched_dest **buckets;
	size_t nbuckets, ndests, nidle;
	TAILQ_HEAD(, sched_dest) idle; /* the longest idle first */
	uint64_t random;
	uint64_t queued;
	unsigned next_transport;
};

static uint64_t next_random(struct sched *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return s->random;
}

/* --- destinations ----------------------------------------------------------------------------- */

static uint32_t hash_key(const struct sched *s, uint8_t transport, struct str key)
{
	uint64_t h = (UINT64_C(0xcbf29ce484222325) ^ (uintptr_t)s) + transport;

	for (size_t i = 0; i < key.n; i++)
		h = (h ^ (uint8_t)key.p[i]) * UINT64_C(0x100000001b3);
	return (uint32_t)(h ^ h >> 32);
}

static void grow(struct sched *s)
{
	size_t n = s->nbuckets == 0 ? BUCKETS_START : s->nbuckets * 2;
	struct sched_dest **buckets = xcalloc(n, sizeof *buckets);

	for (size_t i = 0; i < s->nbuckets; i++) {
		struct sched_dest *d = s->buckets[i], *next;

		for (; d != NULL; d = next) {
			next = d->hash_next;
			d->hash_next = buckets[d->hash & (n - 1)];
			buckets[d->hash & (n - 1)] = d;
		}
	}
	free(s->buckets);
	s->buckets = buckets;
	s->nbuckets = n;
}

static void dest_free(struct sched *s, struct sched_dest *d)
{
	struct sched_dest **p = &s->buckets[d->hash & (s->nbuckets - 1)];

	while (*p != d)
		p = &(*p)->hash_next;
	*p = d->hash_next;
	s->ndests--;
	free(d);
}

static struct sched_dest *dest_new(
    struct sched *s, uint8_t transport, struct str key, uint32_t hash)
{
	struct sched_dest *d = xcalloc(1, sizeof *d + key.n);

	if (s->ndests >= s->nbuckets)
		grow(s);
	d->transport = transport;
	d->window = s->transports[transport].limits.start;
	d->hash = hash;
	d->key_len = key.n;
	if (key.n > 0)
		memcpy(d->key, key.p, key.n);
	for (unsigned l = 0; l < LANES; l++) {
		TAILQ_INIT(&d->turns[l].works);
		d->turns[l].dest = d;
	}
	d->hash_next = s->buckets[hash & (s->nbuckets - 1)];
	s->buckets[hash & (s->nbuckets - 1)] = d;
	s->ndests++;
	return d;
}

static struct sched_dest *dest_get(struct sched *s, uint8_t transport, struct str key)
{
	uint32_t hash = hash_key(s, transport, key);
	struct sched_dest *d = s->buckets[hash & (s->nbuckets - 1)];

	for (; d != NULL; d = d->hash_next) {
		if (d->hash == hash && d->transport == transport &&
		    str_eq(str_bytes(d->key, d->key_len), key))
			return d;
	}
	return dest_new(s, transport, key, hash);
}

static bool dest_empty(const struct sched_dest *d)
{
	for (unsigned l = 0; l < LANES; l++) {
		if (!TAILQ_EMPTY(&d->turns[l].works))
			return false;
	}
	return d->flying == 0;
}

/* Nothing to do for it now: what is known is kept while there is room. */
static void dest_rest(struct sched *s, struct sched_dest *d)
{
	if (d->idle || !dest_empty(d))
		return;
	d->idle = true;
	TAILQ_INSERT_TAIL(&s->idle, d, idle_next);
	if (++s->nidle > IDLE_MAX) {
		d = TAILQ_FIRST(&s->idle);
		TAILQ_REMOVE(&s->idle, d, idle_next);
		s->nidle--;
		dest_free(s, d);
	}
}

static void dest_wake(struct sched *s, struct sched_dest *d)
{
	if (d->idle) {
		TAILQ_REMOVE(&s->idle, d, idle_next);
		s->nidle--;
		d->idle = false;
	}
}

/* Puts each lane of a destination among those that may go, or takes it out. */
static void dest_update(struct sched *s, struct sched_dest *d)
{
	struct transport *t = &s->transports[d->transport];
	bool open = d->flying < (uint32_t)d->window || d->flying == 0;

	for (unsigned l = 0; l < LANES; l++) {
		struct turn *turn = &d->turns[l];
		bool ready = open && !TAILQ_EMPTY(&turn->works);

		if (ready && !turn->ready)
			TAILQ_INSERT_TAIL(&t->ready[l], turn, next);
		else if (!ready && turn->ready)
			TAILQ_REMOVE(&t->ready[l], turn, next);
		turn->ready = ready;
	}
}

/* --- work in and out -------------------------------------------------------------------------- */

static void work_out(struct sched *s, struct sched_work *w)
{
	if (!w->queued)
		return;
	TAILQ_REMOVE(&w->dest->turns[w->lane].works, w, next);
	w->queued = false;
	s->queued--;
}

int sched_add(struct sched *s, struct sched_work *w, uint8_t transport, struct str nexthop,
    uint64_t now, uint64_t *until)
{
	struct sched_dest *d = dest_get(s, transport, nexthop);

	assert(transport < SCHED_TRANSPORTS && !w->queued && w->left > 0 && w->lane < LANES);
	if (d->until > now) {
		*until = d->until;
		dest_rest(s, d);
		return -1;
	}
	dest_wake(s, d);
	w->dest = d;
	w->flying = 0;
	w->queued = true;
	TAILQ_INSERT_TAIL(&d->turns[w->lane].works, w, next);
	s->queued++;
	dest_update(s, d);
	return 0;
}

void sched_cancel(struct sched *s, struct sched_work *w)
{
	struct sched_dest *d = w->dest;

	w->left = 0;
	if (d == NULL)
		return;
	work_out(s, w);
	dest_update(s, d);
	if (w->flying == 0)
		w->dest = NULL;
	dest_rest(s, d);
}

/* Smooth weighted round robin over the lanes that have something ready. */
static int choose_lane(struct transport *t)
{
	int best = -1, total = 0;

	for (int l = 0; l < LANES; l++) {
		if (TAILQ_EMPTY(&t->ready[l])) {
			t->credit[l] = 0;
			continue;
		}
		t->credit[l] += weights[l];
		total += weights[l];
		if (best == -1 || t->credit[l] > t->credit[best])
			best = l;
	}
	if (best != -1)
		t->credit[best] -= total;
	return best;
}

/* Takes one job out of a lane: from the destination whose turn it is, of the message whose turn it
 * is. */
static void take_job(struct sched *s, struct transport *t, int lane, struct sched_job *job)
{
	struct turn *turn = TAILQ_FIRST(&t->ready[lane]);
	struct sched_dest *d = turn->dest;
	struct sched_work *w = TAILQ_FIRST(&turn->works);

	TAILQ_REMOVE(&t->ready[lane], turn, next);
	turn->ready = false;
	*job = (struct sched_job){ .work = w,
		.first = w->first,
		.n = w->left < t->limits.batch ? w->left : t->limits.batch };
	w->first += job->n;
	w->left -= job->n;
	w->flying++;
	d->flying++;
	t->flying++;
	if (w->left == 0) {
		work_out(s, w);
	} else {
		TAILQ_REMOVE(&turn->works, w, next);
		TAILQ_INSERT_TAIL(&turn->works, w, next);
	}
	dest_update(s, d);
}

bool sched_next(struct sched *s, uint64_t now, struct sched_job *job)
{
	(void)now;
	for (unsigned i = 0; i < SCHED_TRANSPORTS; i++) {
		struct transport *t = &s->transports[s->next_transport];
		int lane;

		s->next_transport = (s->next_transport + 1) % SCHED_TRANSPORTS;
		if (t->paused || t->flying >= t->limits.jobs)
			continue;
		lane = choose_lane(t);
		if (lane == -1)
			continue;
		take_job(s, t, lane, job);
		return true;
	}
	return false;
}

/* --- feedback --------------------------------------------------------------------------------- */

static void suspend(struct sched *s, struct sched_dest *d, uint64_t now)
{
	const struct sched_limits *l = &s->transports[d->transport].limits;
	uint64_t ms = l->min_backoff;

	for (unsigned i = 0; i < d->deaths && ms < l->max_backoff; i++)
		ms *= 2;
	if (ms > l->max_backoff)
		ms = l->max_backoff;
	d->deaths++;
	d->cohorts = 0;
	d->window = 1; /* one probe when it ends */
	d->until = now + ms - ms / 8 + next_random(s) % (ms / 4 + 1);
}

static void drop_queued(
    struct sched *s, struct sched_dest *d, void (*dropped)(struct sched_work *w, uint64_t until))
{
	for (unsigned l = 0; l < LANES; l++) {
		struct sched_work *w;

		while ((w = TAILQ_FIRST(&d->turns[l].works)) != NULL) {
			work_out(s, w);
			if (w->flying == 0)
				w->dest = NULL;
			dropped(w, d->until);
		}
	}
}

static void feedback(struct sched *s, struct sched_dest *d, enum sched_verdict verdict,
    uint64_t now, void (*dropped)(struct sched_work *w, uint64_t until))
{
	const struct sched_limits *l = &s->transports[d->transport].limits;

	if (verdict == SCHED_OK) {
		d->cohorts = 0;
		d->deaths = 0;
		d->until = 0;
		d->window += 1 / d->window;
		if (d->window > l->per_dest)
			d->window = l->per_dest;
	} else if (verdict == SCHED_SITE && d->until <= now) {
		d->cohorts += 1 / d->window;
		d->window -= 1 / d->window;
		if (d->window < 1)
			d->window = 1;
		/* the sum of halves and thirds may miss one by a rounding */
		if (d->cohorts > 0.99) {
			suspend(s, d, now);
			drop_queued(s, d, dropped);
		}
	}
}

void sched_done(struct sched *s, struct sched_work *w, enum sched_verdict verdict, uint64_t now,
    void (*dropped)(struct sched_work *w, uint64_t until))
{
	struct sched_dest *d = w->dest;

	assert(w->flying > 0 && d->flying > 0);
	w->flying--;
	d->flying--;
	s->transports[d->transport].flying--;
	if (w->flying == 0 && !w->queued)
		w->dest = NULL;
	feedback(s, d, verdict, now, dropped);
	dest_update(s, d);
	dest_rest(s, d);
}

void sched_revive(struct sched *s)
{
	for (size_t i = 0; i < s->nbuckets; i++) {
		for (struct sched_dest *d = s->buckets[i]; d != NULL; d = d->hash_next)
			d->until = 0;
	}
}

uint64_t sched_backoff(struct sched *s, uint64_t age, uint64_t min, uint64_t max)
{
	uint64_t ms = age < min ? min : age > max ? max : age;

	return ms - ms / 8 + next_random(s) % (ms / 4 + 1);
}

/* --- life ------------------------------------------------------------------------------------- */

struct sched *sched_new(uint64_t seed)
{
	struct sched *s = xcalloc(1, sizeof *s);

	s->random = seed != 0 ? seed : 1;
	TAILQ_INIT(&s->idle);
	for (unsigned t = 0; t < SCHED_TRANSPORTS; t++) {
		for (unsigned l = 0; l < LANES; l++)
			TAILQ_INIT(&s->transports[t].ready[l]);
	}
	grow(s);
	return s;
}

void sched_free(struct sched *s)
{
	for (size_t i = 0; i < s->nbuckets; i++) {
		while (s->buckets[i] != NULL)
			dest_free(s, s->buckets[i]);
	}
	free(s->buckets);
	free(s);
}

void sched_set_limits(struct sched *s, uint8_t transport, const struct sched_limits *l)
{
	assert(transport < SCHED_TRANSPORTS && l->start > 0 && l->batch > 0 && l->per_dest > 0);
	s->transports[transport].limits = *l;
}

void sched_pause(struct sched *s, uint8_t transport, bool paused)
{
	assert(transport < SCHED_TRANSPORTS);
	s->transports[transport].paused = paused;
}

struct sched_counts sched_counts(const struct sched *s, uint64_t now)
{
	struct sched_counts c = { .destinations = s->ndests, .queued = s->queued };

	for (unsigned t = 0; t < SCHED_TRANSPORTS; t++)
		c.flying += s->transports[t].flying;
	for (size_t i = 0; i < s->nbuckets; i++) {
		for (const struct sched_dest *d = s->buckets[i]; d != NULL; d = d->hash_next)
			c.suspended += d->until > now;
	}
	return c;
}
