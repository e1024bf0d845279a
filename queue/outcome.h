/* What has become of one recipient. */
#ifndef QUEUE_OUTCOME_H
#define QUEUE_OUTCOME_H

#include "message.h"

/* An attempt has ended with this status: the state of its slot, the counters and the log follow. */
void outcome(struct message *m, struct target *t, const struct status *st);
/* It was not tried, or nobody knows how it ended; the target has the status. */
void outcome_deferred(struct message *m, struct target *t);

#endif
