/*
 * The limits of what one login may send (logins.h), applied to messages as they are accepted;
 * telling the owner when a limit is near; the counters on disk, written now and then, never for a
 * message.
 */
#ifndef QUEUE_CHARGE_H
#define QUEUE_CHARGE_H

#include "message.h"

/* Before confinement: reads the counters of the last process. */
void charge_open(void);
/* Counts the recipients of m that are at other hosts. -1 with the refusal for its client. */
int charge_message(struct message *m, struct status *st);
/* m was not accepted after all. */
void charge_refund(const struct message *m);
/* Every second. */
void charge_tick(void);
/* The process ends: writes what has changed; pool_busy() until it is done. */
void charge_save(void);

#endif
