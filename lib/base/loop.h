/*
 * The event loop of a process (libevent underneath): timers, descriptors, and work to do before
 * the loop sleeps. One loop per process, used from its main thread only.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

enum { WATCH_READ = 1, WATCH_WRITE = 2 };

/* Both are embedded in their owner and zero-initialised before first use. */
struct watch {
	struct event ev;
	void (*fn)(void *arg, unsigned what);
	void *arg;
	unsigned what; /* 0 = not armed */
};

struct timer {
	struct event ev;
	void (*fn)(void *arg);
	void *arg;
	bool armed;
};

void loop_init(void);
/* Runs until loop_stop(). */
void loop_run(void);
void loop_stop(void);
/* Handles what is ready and returns; for tests. */
void loop_poll(void);

/* The loop itself, for a library that brings events of its own. */
struct event_base;
struct event_base *loop_base(void);

/* Milliseconds on CLOCK_BOOTTIME. */
uint64_t loop_now(void);

/*
 * Calls fn(arg, what) whenever fd is ready for what (WATCH_READ, WATCH_WRITE, or both); level
 * triggered. Calling again changes it; what 0, or watch_clear(), ends it. Does not own fd; clear
 * before closing fd.
 */
void watch_set(struct watch *w, int fd, unsigned what, void (*fn)(void *, unsigned), void *arg);
void watch_clear(struct watch *w);
/* Calls fn for reading soon, as if the descriptor were ready, if it is watched for that. */
void watch_wake(struct watch *w);

/* Calls fn(arg) once, ms milliseconds from now; setting again moves it. */
void timer_set(struct timer *t, uint64_t ms, void (*fn)(void *), void *arg);
void timer_clear(struct timer *t);

/*
 * fn is called each time before the loop sleeps (log flush, batched output). The last one set is
 * called first, so that the log, set before all others, takes what they say. At most 8 of them.
 */
void loop_before_sleep(void (*fn)(void));

#endif
