/* Jobs: some recipients of a message go to a deliver-* worker, and come back with results. */
#ifndef QUEUE_JOB_H
#define QUEUE_JOB_H

#include "message.h"

/*
 * Sends recipients order[first .. first + n) of m to the worker of their transport; a short cut has no
 * work of the scheduler's. Ends with run_job_ended(), from the loop.
 */
void job_start(struct message *m, const struct sched_job *s);
/* Jobs under way. */
unsigned job_count(void);

#endif
