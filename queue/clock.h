/*
 * The wall clock, which may be set to anything while messages wait: how long a message has waited is
 * what a clock that never jumps would say. Time that the queue did not run, and a machine that
 * slept, are no time that anything was tried in: they count for nothing, too.
 *
 * Pure code over times that are given to it; a process that starts knows of one jump, the one since
 * the last of its kind has run.
 */
#ifndef QUEUE_CLOCK_H
#define QUEUE_CLOCK_H

#include <stdint.h>

/*
 * The wall clock (ms since 1970) and one that only runs (ms), looked at every second or so. Returns
 * by how many ms the first has jumped since the last look: 0, or an hour and more in either direction.
 */
int64_t clock_look(int64_t wall, int64_t steady);

/* At the start: the wall clock now, and when the queue ran last. Returns as clock_look(). */
int64_t clock_resume(int64_t wall, int64_t last);

/* What that past time (ms since 1970) is by the clock as it goes now. */
int64_t clock_corrected(int64_t then, int64_t wall);

#endif
