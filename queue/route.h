/* Asking lookup where the recipients of a message go. */
#ifndef QUEUE_ROUTE_H
#define QUEUE_ROUTE_H

#include "message.h"

/*
 * Asks for every recipient that is still to be delivered and has no route, waiting ms for an
 * answer; done() is called from the loop when all are answered. Who became one other has its route
 * in the target; who became several stands in m->expansion. Who got no answer has a temporary
 * status and no route.
 */
void route_start(struct message *m, uint64_t ms, void (*done)(struct message *m));
/* It cannot go where m->redirect says: what is left of it stays where it was. */
void route_not_redirected(struct message *m);

#endif
