/* The order of next hops. See choice.h. */
#include "choice.h"

#include <string.h>

#include "base/id.h"
#include "base/siphash.h"
#include "net/mx.h"

enum {
	PLACES = 1024 /* each holds one next hop: another one with the same hash takes its place */
};

static struct place {
	uint64_t key, until;
} places[PLACES];
static uint64_t secret[2], memory;

/* --- those that were not reached -------------------------------------------------------------- */

void choice_start(uint64_t ms)
{
	memory = ms;
	if (secret[0] == 0) {
		secret[0] = id_random();
		secret[1] = id_random();
	}
}

static uint64_t key_of(const struct way_hop *h)
{
	return siphash(secret, h->nexthop) ^ siphash(secret, h->tls) * 3;
}

void choice_note_down(const struct way_hop *h, uint64_t now)
{
	uint64_t key = key_of(h);

	places[key % PLACES] = (struct place){ key, now + memory };
}

void choice_note_up(const struct way_hop *h)
{
	uint64_t key = key_of(h);

	if (places[key % PLACES].key == key)
		places[key % PLACES].until = 0;
}

uint64_t choice_down_for(const struct way_hop *h, uint64_t now)
{
	uint64_t key = key_of(h);
	const struct place *p = &places[key % PLACES];

	return p->key == key && p->until > now ? p->until - now : 0;
}

/* --- the order -------------------------------------------------------------------------------- */

/* Takes one of candidates[0 .. n) by weight, and closes the gap. */
static uint8_t draw(const struct way *y, uint8_t *candidates, unsigned n, uint64_t *seed)
{
	uint64_t sum = 0, at;
	unsigned i = 0;
	uint8_t taken;

	for (unsigned k = 0; k < n; k++)
		sum += y->hop[candidates[k]].weight;
	at = mx_random(seed) % sum;
	while (at >= y->hop[candidates[i]].weight)
		at -= y->hop[candidates[i++]].weight;
	taken = candidates[i];
	memmove(candidates + i, candidates + i + 1, n - i - 1);
	return taken;
}

static void order_group(
    const struct way *y, unsigned first, unsigned n, uint64_t *seed, uint8_t *order)
{
	uint8_t candidates[WAY_HOPS];

	for (unsigned i = 0; i < n; i++)
		candidates[i] = (uint8_t)(first + i);
	for (unsigned i = 0; i < n; i++)
		order[i] = draw(y, candidates, n - i, seed);
}

static void down_last(const struct way *y, uint64_t now, uint8_t *order)
{
	uint8_t down[WAY_HOPS];
	unsigned up = 0, ndown = 0;

	for (unsigned i = 0; i < y->n; i++) {
		if (choice_down_for(&y->hop[order[i]], now) > 0)
			down[ndown++] = order[i];
		else
			order[up++] = order[i];
	}
	memcpy(order + up, down, ndown);
}

void choice_order(const struct way *y, uint64_t *seed, uint64_t now, uint8_t order[WAY_HOPS])
{
	for (unsigned first = 0, n; first < y->n; first += n) {
		for (n = 1; first + n < y->n && y->hop[first + n].group == y->hop[first].group; n++)
			;
		order_group(y, first, n, seed, order + first);
	}
	down_last(y, now, order);
}
