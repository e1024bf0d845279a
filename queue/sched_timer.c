/* When something changes for a destination by itself: a heap by time. */
#include <stdlib.h>

#include "base/alloc.h"
#include "sched_impl.h"

static void put(struct sched *s, uint32_t at, struct sched_dest *d)
{
	s->heap[at] = d;
	d->heap = at + 1;
}

/* d belongs at `at` or nearer to the top. */
static void rise(struct sched *s, uint32_t at, struct sched_dest *d)
{
	while (at > 0 && s->heap[(at - 1) / 2]->wake > d->wake) {
		put(s, at, s->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(s, at, d);
}

/* d belongs at `at` or deeper. */
static void sink(struct sched *s, uint32_t at, struct sched_dest *d)
{
	for (;;) {
		uint32_t c = 2 * at + 1;

		if (c >= s->nheap)
			break;
		if (c + 1 < s->nheap && s->heap[c + 1]->wake < s->heap[c]->wake)
			c++;
		if (s->heap[c]->wake >= d->wake)
			break;
		put(s, at, s->heap[c]);
		at = c;
	}
	put(s, at, d);
}

static void take_out(struct sched *s, struct sched_dest *d)
{
	uint32_t at = d->heap - 1;
	struct sched_dest *last = s->heap[--s->nheap];

	d->heap = 0;
	if (last == d)
		return;
	if (at > 0 && s->heap[(at - 1) / 2]->wake > last->wake)
		rise(s, at, last);
	else
		sink(s, at, last);
}

void sched_timer(struct sched *s, struct sched_dest *d, uint64_t at)
{
	if (d->heap != 0 && d->wake == at)
		return;
	if (d->heap != 0)
		take_out(s, d);
	if (at == 0)
		return;
	if (s->nheap == s->cap_heap) {
		s->cap_heap = s->cap_heap == 0 ? 64 : s->cap_heap * 2;
		s->heap = xreallocarray(s->heap, s->cap_heap, sizeof *s->heap);
	}
	d->wake = at;
	rise(s, s->nheap++, d);
}

struct sched_dest *sched_timer_due(struct sched *s, uint64_t now)
{
	struct sched_dest *d = s->nheap > 0 ? s->heap[0] : NULL;

	if (d == NULL || d->wake > now)
		return NULL;
	take_out(s, d);
	return d;
}

void sched_timers_free(struct sched *s)
{
	free(s->heap);
}
