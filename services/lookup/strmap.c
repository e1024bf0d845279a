/* A map from strings to pointers. See strmap.h. */
#include "strmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/id.h"

static uint64_t seed[2];

static uint64_t rotate(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void mix(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static void word(uint64_t v[4], uint64_t m)
{
	v[3] ^= m;
	mix(v);
	v[0] ^= m;
}

uint64_t strmap_hash(struct str s)
{
	uint64_t v[4], m = 0, last = (uint64_t)s.n << 56;
	size_t i;

	if (seed[0] == 0) {
		seed[0] = id_random();
		seed[1] = id_random();
	}
	v[0] = seed[0] ^ 0x736f6d6570736575u;
	v[1] = seed[1] ^ 0x646f72616e646f6du;
	v[2] = seed[0] ^ 0x6c7967656e657261u;
	v[3] = seed[1] ^ 0x7465646279746573u;
	for (i = 0; i + 8 <= s.n; i += 8) {
		memcpy(&m, s.p + i, 8);
		word(v, m);
	}
	for (int shift = 0; i < s.n; i++, shift += 8)
		last |= (uint64_t)(unsigned char)s.p[i] << shift;
	word(v, last);
	v[2] ^= 0xff;
	mix(v);
	mix(v);
	mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static struct strmap_entry *slot_of(const struct strmap *m, struct str key)
{
	uint32_t at = (uint32_t)strmap_hash(key) & (m->size - 1);

	while (m->slots[at].key.p != NULL && !str_eq(m->slots[at].key, key))
		at = (at + 1) & (m->size - 1);
	return &m->slots[at];
}

void *strmap_get(const struct strmap *m, struct str key)
{
	return m->n == 0 ? NULL : slot_of(m, key)->value;
}

static void grow(struct strmap *m)
{
	struct strmap old = *m;

	m->size = old.size == 0 ? 16 : old.size * 2;
	m->slots = xcalloc(m->size, sizeof *m->slots);
	for (uint32_t i = 0; i < old.size; i++) {
		if (old.slots[i].key.p != NULL)
			*slot_of(m, old.slots[i].key) = old.slots[i];
	}
	free(old.slots);
}

bool strmap_put(struct strmap *m, struct str key, void *value)
{
	struct strmap_entry *e;

	if (m->n * 2 >= m->size)
		grow(m);
	e = slot_of(m, key);
	if (e->key.p != NULL)
		return false;
	*e = (struct strmap_entry){ { key.p != NULL ? key.p : "", key.n }, value };
	m->n++;
	return true;
}

void strmap_clear(struct strmap *m)
{
	free(m->slots);
	*m = (struct strmap){ .slots = NULL };
}
