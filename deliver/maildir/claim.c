/* Which messages are being delivered right now. See claim.h. */
#include "claim.h"

#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t dropped = PTHREAD_COND_INITIALIZER;
static LIST_HEAD(, claim) claims; /* as many as there are threads: a walk is cheap */
static unsigned waiting;

static bool taken(uint64_t id, uint32_t slot)
{
	struct claim *c;

	LIST_FOREACH (c, &claims, next)
		if (c->id == id && c->slot == slot)
			return true;
	return false;
}

void claim_take(struct claim *c, uint64_t id, uint32_t slot)
{
	pthread_mutex_lock(&lock);
	waiting++;
	while (taken(id, slot))
		pthread_cond_wait(&dropped, &lock);
	waiting--;
	c->id = id;
	c->slot = slot;
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
