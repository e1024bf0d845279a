/*
 * The scheduler: which message's recipients go to which destination next. Pure code: it does no
 * I/O, and time (milliseconds) is an argument, so that it can be tested by simulation.
 *
 * Queues per transport and destination; a destination is whatever shares a key (site.h: a next hop,
 * all domains with the same MX hosts, all of one provider). What may go to one at a time:
 *
 *	window		adapts itself: each success widens it by less than one, each failure of the
 *			site as a whole narrows it
 *	cap		of the window
 *	rates		token buckets of messages, recipients, connections
 *	sources		addresses that mail goes out from have caps and rates of their own; a
 *			destination is one for each pool of them
 *	pause		a site that says "not so fast" halves its window, and gets a pause when that
 *			is one; what waits for it goes on waiting
 *	suspension	a window's worth of failures of the site; what waits for it is put off, one
 *			message tries again when it ends
 *
 * Turns go round between destinations, and within one between messages, in lanes of different
 * weight; so neither a message with 100,000 recipients nor a flood of bulk mail delays a single mail
 * by more than a few turns.
 *
 * Memory is for what can go soon. A destination that has more waiting than its share is full:
 * further messages for it stay on disk, parked in the order in which they came, and are called when
 * there is room; so a slow site costs others nothing, and one that comes back gets no wave.
 */
#ifndef QUEUE_SCHED_H
#define QUEUE_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/str.h"
#include "bucket.h"
#include "proto/lane.h"

enum { SCHED_TRANSPORTS = 8, SCHED_POLICIES_MAX = 1002, SCHED_SOURCES_MAX = 1000 };

/* How one transport is used. */
struct sched_limits {
	uint32_t jobs; /* at once, all destinations together */
	struct rates rates;
};

/* How the destinations of one kind are used. */
struct sched_policy {
	uint32_t concurrency; /* the cap of a window */
	uint32_t start; /* window of a destination about which nothing is known */
	uint32_t batch; /* recipients of one job */
	uint64_t min_backoff, max_backoff; /* suspension of a dead one */
	struct rates rates;
};

/* An address that mail goes out from, and what may go out from it, wherever to. */
struct sched_source_limits {
	struct str name;
	uint32_t jobs; /* at once */
	struct rates rates;
};
/* Sources that take turns. */
struct sched_pool {
	struct str name;
	struct str *sources;
	unsigned n;
};

struct sched;
struct sched_dest;
struct sched_turn;
struct sched_source;

/* Where work goes, and by which policy (index in the last sched_set_policies()). */
struct sched_site {
	uint8_t transport;
	uint16_t policy;
	struct str key;
	struct str
	    pool; /* of sources; empty = any address will do. With another, it is another destination */
};

/* The recipients of one message for one destination; embedded in the message's memory. */
struct sched_work {
	void *owner;
	uint32_t first; /* index of the next recipient to hand out */
	uint32_t left; /* how many are not handed out */
	uint32_t flying; /* jobs under way */
	uint8_t lane;
	bool queued;
	bool called; /* its message was parked and has been called: always has room */
	bool open; /* the owner's: still counts as something to wait for */
	struct sched_dest *dest; /* NULL = none of the scheduler's business */
	struct site *site; /* the owner's: waits to know where it goes */
	TAILQ_ENTRY(sched_work) next; /* the owner's while it is not queued */
};

/* A message on disk that waits for a destination; embedded in its entry, zero-initialised. */
struct sched_parked {
	TAILQ_ENTRY(sched_parked) next;
	struct sched_turn *turn; /* NULL = not parked */
	bool called;
};

struct sched_job {
	struct sched_work *work;
	uint32_t first, n;
	struct sched_source *source; /* NULL = any; the scheduler's, for sched_end */
};

enum sched_verdict {
	SCHED_OK, /* the destination works: delivered, or refused for the recipient's sake */
	SCHED_SOFT, /* says nothing about it */
	SCHED_BUSY, /* it is there, and wants less at a time */
	SCHED_SITE, /* the destination as a whole did not work */
};

struct sched *sched_new(uint64_t seed);
/* Nothing may be parked. */
void sched_free(struct sched *s);
/* May be changed at any time. */
void sched_set_limits(struct sched *s, uint8_t transport, const struct sched_limits *l);
/*
 * Replaces all policies; number 0 is that of whatever has none of its own. What is known of
 * destinations stays: one keeps its policy by its name, or without a name by its number, and gets number 0 when
 * that is gone.
 */
void sched_set_policies(
    struct sched *s, const struct sched_policy *p, const struct str *names, unsigned n);
/*
 * Replaces all sources and pools; what is known of a source stays by its name. What stands behind a pool that
 * is gone waits.
 */
void sched_set_sources(struct sched *s, const struct sched_source_limits *sources,
    unsigned nsources, const struct sched_pool *pools, unsigned npools);
/* Nothing goes out from it until then; 0 = at once. */
void sched_suspend_source(struct sched *s, struct str name, uint64_t until);
struct str sched_source_name(const struct sched_source *x); /* NULL: empty */
/* Turns of each lane when all have work; at least 1 each. */
void sched_set_weights(struct sched *s, const unsigned weights[LANES]);
/* So many messages more may come into memory: the less, the earlier a destination is full. */
void sched_set_room(struct sched *s, uint32_t messages);

/* While paused, its work waits. */
void sched_pause(struct sched *s, uint8_t transport, bool paused);

/*
 * Queues work (owner, first, left, lane, called are set). When that is not possible nothing is
 * queued: SCHED_SUSPENDED, until *until; SCHED_FULL.
 */
enum sched_added { SCHED_QUEUED, SCHED_SUSPENDED, SCHED_FULL };
enum sched_added sched_add(struct sched *s, struct sched_work *w, const struct sched_site *site,
    uint64_t now, uint64_t *until);

/* The next job, if there is one that may start now. */
bool sched_next(struct sched *s, uint64_t now, struct sched_job *job);
/* Milliseconds until there may be one, or a call, although nothing happens; UINT64_MAX = never. */
uint64_t sched_wait(struct sched *s, uint64_t now);

/* What became of a job. */
struct sched_end {
	enum sched_verdict verdict;
	bool reused; /* it needed no connection of its own */
	struct sched_source *source; /* of the job */
	uint32_t took; /* ms */
	struct str said; /* what a verdict of busy or site stands on; borrowed */
};
/*
 * A job has ended. When that makes its destination dead, what is queued for it is taken out and
 * handed to dropped(), one by one: the caller defers it.
 */
void sched_done(struct sched *s, struct sched_work *w, const struct sched_end *end, uint64_t now,
    void (*dropped)(struct sched_work *w, uint64_t until));

/*
 * Whether a message for that place is likely to be there within wait ms: jobs there have gone well lately and have
 * taken pace ms at most, and nothing but their number keeps the next one back. False when nothing is known.
 */
bool sched_prompt(
    struct sched *s, const struct sched_site *site, uint64_t pace, uint64_t wait, uint64_t now);
/* A job of it has not ended in that many ms: that counts before it has. */
void sched_late(const struct sched_work *w, uint32_t ms);

/* The pool of sources of the destination that it is queued or under way for. Borrowed. */
struct str sched_work_pool(const struct sched_work *w);
/* Takes what is not handed out yet back (left is 0 then). Jobs under way still end by sched_done().
 */
void sched_cancel(struct sched *s, struct sched_work *w, uint64_t now);

/* Puts a message at the end of those that wait on disk for a destination. */
void sched_park(struct sched *s, struct sched_parked *p, const struct sched_site *site,
    uint8_t lane, uint64_t now);
/* Takes it out, or says that what was called has arrived. Safe when it is neither. */
void sched_unpark(struct sched_parked *p, uint64_t now);
/*
 * The next that is to be brought into memory, to be asked for while there is room; it counts as on
 * its way until sched_unpark().
 */
struct sched_parked *sched_call(struct sched *s, uint64_t now);

/* Suspends a destination until then; what it has queued is dropped. */
void sched_suspend(struct sched *s, const struct sched_site *site, uint64_t until, uint64_t now,
    void (*dropped)(struct sched_work *w, uint64_t until));
/* Ends its suspension and all that slows it down. */
void sched_resume(struct sched *s, const struct sched_site *site, uint64_t now);
/* Cap and rates of a destination are divided by that, until then; 1 ends it. */
void sched_slow(
    struct sched *s, const struct sched_site *site, double factor, uint64_t until, uint64_t now);
/* Ends every suspension and pause ("flush"). */
void sched_revive(struct sched *s, uint64_t now);

/* Milliseconds to wait before try number `attempts` of something that is age ms old: between min
 * and max, growing with age, with jitter of up to a quarter so that what failed together is not
 * retried together. */
uint64_t sched_backoff(struct sched *s, uint64_t age, uint64_t min, uint64_t max);
/* ms give or take an eighth. */
uint64_t sched_jitter(struct sched *s, uint64_t ms);

/* For counters. */
struct sched_counts {
	uint64_t destinations, suspended, slowed, queued, parked, flying;
};
struct sched_counts sched_counts(const struct sched *s, uint64_t now);

/* What keeps a destination from getting more now, in the order in which it is looked at. */
enum sched_limiter {
	LIMIT_NONE, /* nothing waits, or it is about to go */
	LIMIT_WORKER, /* there is no process for this transport */
	LIMIT_SUSPENSION,
	LIMIT_PAUSE,
	LIMIT_WINDOW,
	LIMIT_CAP,
	LIMIT_RATE, /* rate says which */
	LIMIT_SOURCES, /* none of its pool may have more now */
	LIMIT_JOBS, /* of the transport */
	LIMIT_TRANSPORT_RATE,
	LIMIT_LANE, /* others have their turn */
	LIMITERS
};
struct sched_view {
	enum sched_limiter limiter;
	enum rate_kind rate;
	uint64_t wait; /* ms until that ends by itself; 0 = when something else happens */
	uint32_t flying, window, cap, jobs, jobs_max;
	uint16_t policy;
	double slow; /* 1 = it is not */
	uint64_t slow_ms; /* for so long */
	double pace; /* ms that a job takes lately; 0 = not known, or the last one failed */
	struct str
	    said; /* by its last failure, since when it has not worked; empty = it works. Borrowed */
	uint64_t said_ms; /* ago */
	uint32_t queued[LANES], parked[LANES];
};
struct sched_source_view {
	uint32_t flying, jobs;
	uint64_t wait; /* ms until its rate lets the next go */
	enum rate_kind rate;
};
/* False when there is none of that name. */
bool sched_look_source(
    const struct sched *s, struct str name, uint64_t now, struct sched_source_view *v);
/* False when nothing is known of it (v is what a new one would have). */
bool sched_look(struct sched *s, const struct sched_site *site, uint64_t now, struct sched_view *v);

#endif
