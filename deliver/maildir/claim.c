/* Which messages are being delivered right now. See claim.h. */
#include "claim.h"

#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t dropped = PTHREAD_COND_INITIALIZER;
static LIST_HEAD(, claim) claims; /* about as many as there are threads: a walk is cheap */
static unsigned waiting;

static bool overlap(const struct deliver_job *a, const struct deliver_job *b)
{
	if (a->id != b->id)
		return false;
	for (uint32_t i = 0; i < a->nrcpts; i++)
		for (uint32_t k = 0; k < b->nrcpts; k++)
			if (a->rcpts[i].slot == b->rcpts[k].slot)
				return true;
	return false;
}

static bool taken(const struct deliver_job *j)
{
	struct claim *c;

	LIST_FOREACH (c, &claims, next)
		if (overlap(c->job, j))
			return true;
	return false;
}

/* All or nothing: two jobs that have taken some of each other's would wait for ever. */
void claim_take(struct claim *c, const struct deliver_job *j)
{
	pthread_mutex_lock(&lock);
	waiting++;
	while (taken(j))
		pthread_cond_wait(&dropped, &lock);
	waiting--;
	c->job = j;
	LIST_INSERT_HEAD(&claims, c, next);
	pthread_mutex_unlock(&lock);
}

void claim_drop(struct claim *c)
{
	pthread_mutex_lock(&lock);
	LIST_REMOVE(c, next);
	if (waiting > 0)
		pthread_cond_broadcast(&dropped);
	pthread_mutex_unlock(&lock);
}
