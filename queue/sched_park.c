/*
 * What waits on disk: a destination that has its share of memory has further messages there, in the
 * order in which they came, and calls them when there is room.
 */
#include "sched_impl.h"

void sched_park(struct sched *s, struct sched_parked *p, const struct sched_site *site,
    uint8_t lane, uint64_t now)
{
	struct sched_dest *d = sched_dest_get(s, site);
	struct sched_turn *t;

	sched_unpark(p, now);
	sched_dest_wake(s, d);
	t = sched_turn_get(d, lane);
	p->turn = t;
	p->called = false;
	TAILQ_INSERT_TAIL(&t->parked, p, next);
	t->waiting++;
	s->parked++;
	sched_dest_update(s, d, now);
}

void sched_unpark(struct sched_parked *p, uint64_t now)
{
	struct sched_turn *t = p->turn;
	struct sched_dest *d;

	if (t == NULL)
		return;
	d = t->dest;
	if (p->called) {
		t->called--;
		d->gate->held--;
	} else {
		TAILQ_REMOVE(&t->parked, p, next);
		t->waiting--;
		d->sched->parked--;
	}
	p->turn = NULL;
	p->called = false;
	sched_dest_update(d->sched, d, now);
	sched_dest_rest(d->sched, d, now);
}

struct sched_parked *sched_call(struct sched *s, uint64_t now)
{
	struct sched_turn *t;
	struct sched_parked *p;

	sched_dests_wake_due(s, now);
	t = sched_turn_calling(s, now);
	if (t == NULL)
		return NULL;
	p = TAILQ_FIRST(&t->parked);
	TAILQ_REMOVE(&t->parked, p, next);
	t->waiting--;
	s->parked--;
	t->called++;
	t->dest->gate->held++;
	p->called = true;
	/* the others have their turn first */
	TAILQ_REMOVE(&t->dest->gate->calling[t->lane], t, call_next);
	t->calling = false;
	sched_dest_update(s, t->dest, now);
	return p;
}
