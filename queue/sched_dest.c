/* Which destinations the scheduler knows. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sched_impl.h"

enum {
	BUCKETS_START = 256,
	IDLE_MAX = 4096, /* destinations that are remembered for what is known about them */
	IDLE_LOOK = 16, /* of these are looked at for one that may be forgotten */
	IDLE_HARD = 16 * IDLE_MAX, /* more than that are forgotten whatever is known */
	KEY_MAX = 1024,
	SAID_MAX = 240, /* bytes kept of a failure */
};

/* --- by key ---------------------------------------------------------------------------------- */

static uint32_t hash_key(const struct sched_gate *g, struct str key)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (uintptr_t)g;

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
	sched_timer(s, d, 0);
	for (unsigned l = 0; l < LANES; l++)
		free(d->turns[l]);
	free(d->said);
	free(d);
}

static struct sched_dest *dest_new(
    struct sched *s, const struct sched_site *site, struct sched_gate *gate, struct str key)
{
	struct sched_dest *d = xcalloc(1, sizeof *d + key.n);
	uint32_t hash = hash_key(gate, key);

	if (s->ndests >= s->nbuckets)
		grow(s);
	d->sched = s;
	d->gate = gate;
	d->transport = site->transport;
	d->policy = site->policy;
	d->window = (float)s->policies[site->policy].start;
	d->hash = hash;
	d->key_len = (uint16_t)key.n;
	if (key.n > 0)
		memcpy(d->key, key.p, key.n);
	d->hash_next = s->buckets[hash & (s->nbuckets - 1)];
	s->buckets[hash & (s->nbuckets - 1)] = d;
	s->ndests++;
	return d;
}

struct sched_dest *sched_dest_find(const struct sched *s, const struct sched_site *site)
{
	struct str key = str_take(site->key, KEY_MAX);
	const struct sched_gate *gate = sched_gate_find(s, site->transport, site->pool);
	uint32_t hash = hash_key(gate, key);
	struct sched_dest *d = gate == NULL ? NULL : s->buckets[hash & (s->nbuckets - 1)];

	for (; d != NULL; d = d->hash_next) {
		if (d->hash == hash && d->gate == gate &&
		    str_eq(str_bytes(d->key, d->key_len), key))
			return d;
	}
	return NULL;
}

struct sched_dest *sched_dest_get(struct sched *s, const struct sched_site *site)
{
	struct sched_dest *d = sched_dest_find(s, site);
	struct str key = str_take(site->key, KEY_MAX);

	assert(site->transport < SCHED_TRANSPORTS && site->policy < s->npolicies);
	if (d == NULL)
		return dest_new(s, site, sched_gate_get(s, site->transport, site->pool), key);
	d->policy = site->policy;
	return d;
}

struct sched_turn *sched_turn_get(struct sched_dest *d, uint8_t lane)
{
	struct sched_turn *t = d->turns[lane];

	assert(lane < LANES);
	if (t != NULL)
		return t;
	t = d->turns[lane] = xcalloc(1, sizeof *t);
	TAILQ_INIT(&t->works);
	TAILQ_INIT(&t->parked);
	t->dest = d;
	t->lane = lane;
	return t;
}

/* --- those that have nothing to do ----------------------------------------------------------- */

static bool dest_empty(const struct sched_dest *d)
{
	for (unsigned l = 0; l < LANES; l++) {
		const struct sched_turn *t = d->turns[l];

		if (t != NULL && t->queued + t->waiting + t->called > 0)
			return false;
	}
	return d->flying == 0;
}

/* To forget it would let more through than its limits say. */
static bool dest_owes(const struct sched_dest *d, uint64_t now)
{
	for (int k = 0; k < RATES; k++) {
		if (d->buckets.full[k] > (now + 1000) * 1000)
			return true;
	}
	return d->until > now || d->pause > now || d->slow_until > now;
}

static void forget_one(struct sched *s, uint64_t now)
{
	struct sched_dest *d;

	for (int i = 0; i < IDLE_LOOK; i++) {
		d = TAILQ_FIRST(&s->idle);
		TAILQ_REMOVE(&s->idle, d, idle_next);
		if (dest_owes(d, now) && s->nidle < IDLE_HARD) {
			TAILQ_INSERT_TAIL(&s->idle, d, idle_next);
			continue;
		}
		s->nidle--;
		dest_free(s, d);
		return;
	}
}

void sched_dest_rest(struct sched *s, struct sched_dest *d, uint64_t now)
{
	if (d->idle || !dest_empty(d))
		return;
	for (unsigned l = 0; l < LANES; l++) {
		free(d->turns[l]);
		d->turns[l] = NULL;
	}
	sched_timer(s, d, 0);
	d->idle = true;
	TAILQ_INSERT_TAIL(&s->idle, d, idle_next);
	if (++s->nidle > IDLE_MAX)
		forget_one(s, now);
}

void sched_dest_wake(struct sched *s, struct sched_dest *d)
{
	if (d->idle) {
		TAILQ_REMOVE(&s->idle, d, idle_next);
		s->nidle--;
		d->idle = false;
	}
}

void sched_dest_said(struct sched_dest *d, struct str said, uint64_t now)
{
	free(d->said);
	d->said = said.n == 0 ? NULL : str_dup(str_take(said, SAID_MAX));
	d->said_at = now;
}

void sched_dest_each(const struct sched *s, void (*fn)(struct sched_dest *d, void *arg), void *arg)
{
	for (size_t i = 0; i < s->nbuckets; i++) {
		for (struct sched_dest *d = s->buckets[i]; d != NULL; d = d->hash_next)
			fn(d, arg);
	}
}

void sched_dests_init(struct sched *s)
{
	TAILQ_INIT(&s->idle);
	grow(s);
}

void sched_dests_free(struct sched *s)
{
	for (size_t i = 0; i < s->nbuckets; i++) {
		while (s->buckets[i] != NULL)
			dest_free(s, s->buckets[i]);
	}
	free(s->buckets);
	sched_timers_free(s);
}
