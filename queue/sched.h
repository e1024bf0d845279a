/*
 * The scheduler: which message's recipients go to which destination next. Pure code: it does no
 * I/O, and time (milliseconds) is an argument, so that it can be tested by simulation.
 *
 * Queues per transport and destination. How many jobs a destination gets at once adapts itself:
 * each success widens its window by less than one, each failure of the site as a whole narrows it,
 * and a window's worth of such failures suspends it for a while. Turns go round between
 * destinations, and within one between messages, in lanes of different weight; so neither a message
 * with 100,000 recipients nor a flood of bulk mail delays a single mail by more than a few turns.
 */
#ifndef QUEUE_SCHED_H
#define QUEUE_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/str.h"

enum { SCHED_TRANSPORTS = 8 };
enum sched_lane { LANE_USER, LANE_BULK, LANE_REPORT, LANES };

/* How one transport is used. */
struct sched_limits {
	uint32_t jobs; /* at once, all destinations together */
	uint32_t per_dest; /* at once to one destination: the cap of its window */
	uint32_t start; /* window of a destination about which nothing is known */
	uint32_t batch; /* recipients of one job */
	uint64_t min_backoff, max_backoff; /* suspension of a dead destination */
};

struct sched;
struct sched_dest;

/* The recipients of one message for one destination; embedded in the message's memory. */
struct sched_work {
	void *owner;
	uint32_t first; /* index of the next recipient to hand out */
	uint32_t left; /* how many are not handed out */
	uint32_t flying; /* jobs under way */
	uint8_t lane;
	bool queued;
	bool open; /* the owner's: still counts as something to wait for */
	struct sched_dest *dest; /* NULL = none of the scheduler's business */
	TAILQ_ENTRY(sched_work) next;
};

struct sched_job {
	struct sched_work *work;
	uint32_t first, n;
};

enum sched_verdict {
	SCHED_OK, /* the destination works: delivered, or refused for the recipient's sake */
	SCHED_SOFT, /* says nothing about it */
	SCHED_SITE, /* the destination as a whole did not work */
};

struct sched *sched_new(uint64_t seed);
void sched_free(struct sched *s);
/* May be changed at any time. */
void sched_set_limits(struct sched *s, uint8_t transport, const struct sched_limits *l);

/* While paused, its work waits. */
void sched_pause(struct sched *s, uint8_t transport, bool paused);

/*
 * Queues work (owner, first, left and lane are set) for a destination. 0, or -1 when that is
 * suspended: then nothing was queued and *until is when it ends.
 */
int sched_add(struct sched *s, struct sched_work *w, uint8_t transport, struct str nexthop,
    uint64_t now, uint64_t *until);

/* The next job, if there is one that may start now. */
bool sched_next(struct sched *s, uint64_t now, struct sched_job *job);

/*
 * A job has ended. When that makes its destination dead, what is queued for it is taken out and
 * handed to dropped(), one by one: the caller defers it.
 */
void sched_done(struct sched *s, struct sched_work *w, enum sched_verdict verdict, uint64_t now,
    void (*dropped)(struct sched_work *w, uint64_t until));

/* Takes what is not handed out yet back (left is 0 then). Jobs under way still end by sched_done().
 */
void sched_cancel(struct sched *s, struct sched_work *w);

/* Ends every suspension ("flush"). */
void sched_revive(struct sched *s);

/* Milliseconds to wait before try number `attempts` of something that is age ms old: between min
 * and max, growing with age, with jitter of up to a quarter so that what failed together is not
 * retried together. */
uint64_t sched_backoff(struct sched *s, uint64_t age, uint64_t min, uint64_t max);

/* For counters. */
struct sched_counts {
	uint64_t destinations, suspended, queued, flying;
};
struct sched_counts sched_counts(const struct sched *s, uint64_t now);

#endif
