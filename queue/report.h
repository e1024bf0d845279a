/* Bounces, delay warnings and success reports: who must be told what, and their way into the queue.
 */
#ifndef QUEUE_REPORT_H
#define QUEUE_REPORT_H

#include "message.h"

/*
 * Decides what is to be reported of a message that is age ms old; what nobody wants to hear of is
 * marked as told. True when there is something to make.
 */
bool report_due(struct message *m, uint64_t age);
/*
 * Makes the reports found by report_due(), each through the same accept path as any mail; records
 * in m that they exist, and only then lets them go. done gets an errno when some could not be made.
 */
void report_make(struct message *m, void (*done)(struct message *m, int error));

#endif
