/* Syncs that begin together. See round.h. */
#include "base/round.h"

#include <time.h>

enum { GATHER_NS = 2000000 };

void round_init(struct round *r)
{
	pthread_condattr_t attr;

	*r = (struct round){ .expected = 0 };
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->gathered, &attr);
	pthread_condattr_destroy(&attr);
	pthread_cond_init(&r->begun, NULL);
}

void round_clear(struct round *r)
{
	pthread_cond_destroy(&r->gathered);
	pthread_cond_destroy(&r->begun);
}

static bool complete(const struct round *r)
{
	return r->expected == 0 && r->syncing == 0;
}

static void look(struct round *r)
{
	if (r->gathering && complete(r))
		pthread_cond_signal(&r->gathered);
}

void round_expect(struct round *r)
{
	r->expected++;
}

void round_forgo(struct round *r)
{
	r->expected--;
	look(r);
}

static struct timespec deadline(void)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += GATHER_NS;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	return end;
}

static void gather(struct round *r, pthread_mutex_t *lock)
{
	struct timespec end = deadline();

	r->gathering = true;
	while (!complete(r) && pthread_cond_timedwait(&r->gathered, lock, &end) == 0)
		;
	r->gathering = false;
	r->syncing += r->joined;
	r->joined = 0;
	r->number++;
	pthread_cond_broadcast(&r->begun);
}

void round_join(struct round *r, pthread_mutex_t *lock)
{
	uint64_t number = r->number;

	r->joined++;
	round_forgo(r);
	if (!r->gathering)
		gather(r, lock);
	else
		while (r->number == number)
			pthread_cond_wait(&r->begun, lock);
}

void round_leave(struct round *r)
{
	r->syncing--;
	look(r);
}
