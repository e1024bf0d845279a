/*
 * The threads that deliver. Each blocks in receiving from the queue's channel, does one job,
 * answers on the channel that the job came from, and tells notify; the main thread only hands in
 * channels.
 */
#ifndef MAILDIR_WORKER_H
#define MAILDIR_WORKER_H

#include <stdint.h>

#include "base/str.h"

/* Starts n threads. host goes into file names. -1 with errno. */
int worker_start(unsigned n, struct str host);

/* A new channel to the queue (taken over; the previous one, if any, is dead) or to notify. */
void worker_queue(int fd);
void worker_notify(int fd);

/* No new jobs; worker_busy() tells how many threads still have one. */
void worker_drain(void);
unsigned worker_busy(void);

struct worker_counts {
	uint64_t jobs, delivered, failed; /* the latter two in recipients */
	uint64_t packets; /* sent and received */
};
struct worker_counts worker_counts(void);

#endif
