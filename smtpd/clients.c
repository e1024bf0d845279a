/*
 * What each client does. See clients.h.
 *
 * A hash table with a secret seed, and a list in the order of last use: entries without connections
 * are dropped from its end when their period is over, or earlier when there are too many.
 */
#include "clients.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/id.h"
#include "limits.h"

enum { BUCKETS = 8192, SWEEP = 4 };

struct client {
	LIST_ENTRY(client) chain;
	TAILQ_ENTRY(client) use;
	struct ip key;
	unsigned connections;
	uint64_t since; /* start of its period */
	unsigned counts[CLIENT_EVENTS];
};

static LIST_HEAD(, client) buckets[BUCKETS];
static TAILQ_HEAD(client_list, client) by_use = TAILQ_HEAD_INITIALIZER(by_use); /* oldest first */
static unsigned known;
static uint64_t seed;

unsigned clients_known(void)
{
	return known;
}

static unsigned bucket_of(const struct ip *key)
{
	uint64_t halves[2], h;

	if (seed == 0)
		seed = id_random() | 1;
	memcpy(halves, key->bytes, sizeof halves);
	/* two rounds of multiplication and folding: whoever does not know the seed cannot aim */
	h = (halves[0] ^ seed) * 0x9e3779b97f4a7c15u;
	h ^= h >> 29;
	h = (h + halves[1]) * (seed | 0x10001);
	h ^= h >> 32;
	return (unsigned)(h % BUCKETS);
}

static void forget(struct client *c)
{
	LIST_REMOVE(c, chain);
	TAILQ_REMOVE(&by_use, c, use);
	free(c);
	known--;
}

static bool over(const struct client *c, uint64_t now)
{
	return now - c->since >= TIME_RATE;
}

/* A few at a time, so that no call takes long. */
static void sweep(uint64_t now)
{
	struct client *c;

	for (int i = 0; i < SWEEP && (c = TAILQ_FIRST(&by_use)) != NULL; i++) {
		if (c->connections > 0) {
			TAILQ_REMOVE(&by_use, c, use);
			TAILQ_INSERT_TAIL(&by_use, c, use);
		} else if (over(c, now) || known >= LIMIT_CLIENTS) {
			forget(c);
		} else {
			return;
		}
	}
}

struct client *client_open(const struct ip *ip, uint64_t now)
{
	struct ip key = *ip;
	struct client *c;
	unsigned b;

	if (key.family == 6)
		memset(key.bytes + 8, 0, 8);
	b = bucket_of(&key);
	sweep(now);
	LIST_FOREACH (c, &buckets[b], chain) {
		if (ip_eq(&c->key, &key))
			break;
	}
	if (c == NULL) {
		c = xcalloc(1, sizeof *c);
		c->key = key;
		c->since = now;
		LIST_INSERT_HEAD(&buckets[b], c, chain);
		TAILQ_INSERT_TAIL(&by_use, c, use);
		known++;
	}
	c->connections++;
	return c;
}

void client_close(struct client *c, uint64_t now)
{
	assert(c->connections > 0);
	c->connections--;
	TAILQ_REMOVE(&by_use, c, use);
	TAILQ_INSERT_TAIL(&by_use, c, use);
	sweep(now);
}

unsigned client_connections(const struct client *c)
{
	return c->connections;
}

unsigned client_rate(const struct client *c, enum client_event e, uint64_t now)
{
	return over(c, now) ? 0 : c->counts[e];
}

unsigned client_count(struct client *c, enum client_event e, uint64_t now)
{
	if (over(c, now)) {
		memset(c->counts, 0, sizeof c->counts);
		c->since = now;
	}
	return ++c->counts[e];
}
