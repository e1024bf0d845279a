/*
 * The breaker against floods of our own errors. When a table was emptied by mistake or DNS lies,
 * suddenly much of what was accepted is undeliverable for ever, and would all be bounced. Such
 * failures are counted, those that other hosts say apart; when there are many and they are a large
 * part of all outcomes, they become temporary for a while, so that somebody can mend the cause.
 * Pure: time (milliseconds) is an argument.
 */
#ifndef QUEUE_BREAKER_H
#define QUEUE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum { BREAKER_BUCKETS = 10 };

struct breaker_limits {
	uint32_t failures; /* within the window; 0 = never opens */
	uint32_t percent; /* of all outcomes in it */
	uint64_t window, hold; /* ms */
};

struct breaker {
	struct {
		uint64_t number; /* of the piece of time that it counts */
		uint32_t all, failures;
	} buckets[BREAKER_BUCKETS];
	uint64_t open_until; /* 0 = closed */
	uint64_t held; /* failures made temporary, since the start */
};

/* An outcome that is no failure of ours. */
void breaker_note(struct breaker *b, const struct breaker_limits *l, uint64_t now);

/*
 * A permanent failure of ours; `first` when it is the first try of that recipient (others say
 * nothing new). True when it shall be temporary. *opened: with this one it has opened, or opened
 * again.
 */
bool breaker_failure(
    struct breaker *b, const struct breaker_limits *l, bool first, uint64_t now, bool *opened);

static inline bool breaker_open(const struct breaker *b, uint64_t now)
{
	return now < b->open_until;
}

#endif
