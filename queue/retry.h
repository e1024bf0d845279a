/* When a recipient that has failed is tried again. */
#ifndef QUEUE_RETRY_H
#define QUEUE_RETRY_H

#include "message.h"

/* Whether it is its time, or does not matter: not too early by more than a quarter of its wait. */
bool retry_due(const struct message *m, const struct target *t);
/* Milliseconds until the next of its recipients should be tried, with jitter. */
uint64_t retry_next(const struct message *m);

#endif
