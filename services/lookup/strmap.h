/* A map from strings to pointers. Strangers choose many of the keys, so the hash is keyed. */
#ifndef LOOKUP_STRMAP_H
#define LOOKUP_STRMAP_H

#include <stdint.h>

#include "base/str.h"

struct strmap_entry {
	struct str key; /* p NULL = free */
	void *value;
};

/* Keys and values are borrowed; nothing is ever taken out. Zero-initialised before first use. */
struct strmap {
	struct strmap_entry *slots;
	uint32_t n, size; /* size is 0 or a power of two */
};

void strmap_clear(struct strmap *m);
/* NULL if it is not there. */
void *strmap_get(const struct strmap *m, struct str key);
/* False, and nothing changed, when the key is there already. value is not NULL. */
bool strmap_put(struct strmap *m, struct str key, void *value);

/* SipHash-1-3 with a key chosen at random by each process. */
uint64_t strmap_hash(struct str s);

#endif
