/*
 * Reports on their way: of each tally that is over, at its time, to the places that its domain names
 * (RFC 8460 3, 5). What is about to be done is written down before it is done: a report that may have
 * arrived when this process died is not sent again, and one that surely has not is tried for a day.
 */
#ifndef POLICY_OUTBOX_H
#define POLICY_OUTBOX_H

#include "base/buf.h"
#include "report.h"

/* Reads the settings: again after a reload. */
void outbox_configure(void);
void outbox_start(void);
/* Begins nothing any more; done() is called, perhaps from within, when nothing is under way. */
void outbox_drain(void (*done)(void));
/* That tally is over: its report is due, later. */
void outbox_add(const struct tally *t);
/* What is due for that domain later is due now; "" = for all. How many. */
unsigned outbox_hurry(struct str domain);

const struct reporter *outbox_reporter(void);
/* Calls fn for each that is still to be reported, with when it is due. */
void outbox_each(void (*fn)(void *arg, struct str domain, int64_t begin, int64_t due), void *arg);

void outbox_status(struct buf *out);

#endif
