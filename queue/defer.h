/*
 * What cannot go now: it is deferred without a try, and its message waits for that destination when
 * it has left memory. Each takes what is left of a work, which must not be queued.
 */
#ifndef QUEUE_DEFER_H
#define QUEUE_DEFER_H

#include "message.h"

/* True (and deferred) when an administrator, a rule or the configuration does not want it to go. */
bool defer_kept_back(struct message *m, struct sched_work *w, const struct sched_site *site);
/* Its destination is dead. */
void defer_dead(struct message *m, struct sched_work *w, const struct sched_site *site);
/* There is no room for it in memory: what it waits for is its turn. */
void defer_full(struct message *m, struct sched_work *w, const struct sched_site *site);

#endif
