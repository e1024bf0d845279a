/*
 * What is to be delivered in a pass over a message, and in which order: what goes together stands
 * together.
 */
#ifndef QUEUE_ORDER_H
#define QUEUE_ORDER_H

#include "message.h"

/* Fills m->order; what needs no worker has its outcome then, and so has whoever is there twice. */
void order_make(struct message *m);
/* Fills m->works with what goes together of these. */
void order_works(struct message *m);
/* Whether these go together. */
bool order_together(const struct target *a, const struct target *b);
/* By which the recipients of one work go; each has the same but for its address. Borrowed. */
const struct route *order_route(const struct message *m, const struct sched_work *w);

#endif
