/*
 * Delivering: a pass over all recipients of a message. The scheduler decides what goes next; this
 * file does what it says; job.h has the jobs.
 */
#ifndef QUEUE_RUN_H
#define QUEUE_RUN_H

#include "message.h"

struct suspension;

void run_init(struct sched *s);
struct sched *run_sched(void);

/* A sealed message whose routes are known; first writes down what its recipients have become. */
void run_message(struct message *m);
/* Whether it is likely to be with its next hop soon, which is one for all recipients. */
bool run_prompt(const struct message *m);
/* The same of any message for that next hop, which belongs to that destination. */
bool run_is_quick(struct str nexthop, const struct sched_site *site);
/*
 * The short cut: to mailboxes one job for all, past the scheduler; to a next hop when it is its turn. Results
 * come to accept_shortcut().
 */
void run_direct(struct message *m);
/* No job of it starts any more; true when none has. */
bool run_take_back(struct message *m);
/* The same message after it has been sealed: its job may still be under way. */
void run_continue(struct message *m);
/* Starts what may start. */
void run_pump(void);
/*
 * Somebody brings in what waits himself, to be tried at once; until he has ended, what waits for a
 * destination is not called: it would come to be tried when it is due, and he would miss it.
 */
void run_flush_begins(void);
void run_flush_ends(void);
/* What an administrator wishes (WISH_*) is done as soon as no job is under way. */
void run_wish(struct message *m, unsigned wishes);
/* What has been suspended or moved meanwhile: all, or what that one suspends or slows down, which has just begun. */
void run_recheck(const struct suspension *begun);
/* No new jobs from now on. */
void run_stop(void);
/* For job.c: a job of m has ended, its results are in the targets. m may be gone afterwards. */
void run_job_ended(struct message *m, struct sched_work *work, const struct sched_end *end);

#endif
