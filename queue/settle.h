/*
 * The end of a pass over a message: all that could be tried has been tried. Makes results durable,
 * has reports made, and removes, defers or holds the message.
 */
#ifndef QUEUE_SETTLE_H
#define QUEUE_SETTLE_H

#include "message.h"

/* Nothing of m is under way; m is gone some time afterwards. */
void settle(struct message *m);

/* Nothing is to be tried before that time (seconds since 1970): m goes back to where it was. */
void settle_until(struct message *m, int64_t seconds);

#endif
