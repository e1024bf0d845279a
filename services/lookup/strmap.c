/* A map from strings to pointers. See strmap.h. */
#include "strmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/siphash.h"

static uint64_t seed[2];

uint64_t strmap_hash(struct str s)
{
	if (seed[0] == 0) {
		seed[0] = id_random();
		seed[1] = id_random();
	}
	return siphash(seed, s);
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
