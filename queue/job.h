/* Jobs: some recipients of a message go to a deliver-* worker, and come back with results. */
#ifndef QUEUE_JOB_H
#define QUEUE_JOB_H

#include "message.h"

/*
 * Sends recipients order[first .. first + n) of m to the worker of their transport. work: the
 * scheduler's, NULL for the short cut. Ends with run_job_ended(), from the loop.
 */
void job_start(struct message *m, struct sched_work *work, uint32_t first, uint32_t n);
/* Jobs under way. */
unsigned job_count(void);

#endif
