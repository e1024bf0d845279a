/* How often each event has happened. See counters.h. */
#include "counters.h"

#include <stdint.h>
#include <string.h>

#include "base/log.h"

enum { SLOTS = COUNTERS_MAX * 2 }; /* a power of two */

struct counter {
	char name[LOG_EVENT_MAX + 1];
	uint64_t n;
};

static struct counter counters[COUNTERS_MAX];
static size_t used;
static uint16_t slots[SLOTS]; /* index + 1 by hash of the name, linear probing */
static uint64_t other;

/* FNV-1a */
static uint32_t hash(struct str s)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 16777619u;
	return h;
}

void count_event(struct str name)
{
	uint32_t at = hash(name) & (SLOTS - 1);
	struct counter *c;

	for (; slots[at] != 0; at = (at + 1) & (SLOTS - 1)) {
		c = &counters[slots[at] - 1];
		if (str_eq(name, str_of(c->name))) {
			c->n++;
			return;
		}
	}
	if (used == COUNTERS_MAX ||
	    str_copy(name, counters[used].name, sizeof counters[used].name) == -1) {
		other++;
		return;
	}
	counters[used].n = 1;
	slots[at] = (uint16_t)++used;
}

void counters_write(struct buf *out)
{
	for (size_t i = 0; i < used; i++)
		buf_printf(
		    out, "event.%s %llu\n", counters[i].name, (unsigned long long)counters[i].n);
	if (other > 0)
		buf_printf(out, "event.other %llu\n", (unsigned long long)other);
}
