/* What has become of one recipient. */
#ifndef QUEUE_OUTCOME_H
#define QUEUE_OUTCOME_H

#include "message.h"

/* An attempt has ended with this status: the state of its slot, the counters and the log follow. */
void outcome(struct message *m, struct target *t, const struct status *st);
/* It was not tried, or nobody knows how it ended; the target has the status. */
void outcome_deferred(struct message *m, struct target *t);

/* The breaker (breaker.h): does it hold back now, and how many it has held back since the start. */
bool outcome_breaker_open(void);
uint64_t outcome_held_back(void);

#endif
