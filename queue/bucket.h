/*
 * Rates as token buckets. Pure code, time (milliseconds) is an argument.
 *
 * A bucket holds what one second brings, at least one: so a rate of 600 a minute is ten at once and
 * then one each tenth of a second, and one of 10 an hour is one each six minutes. In no period more
 * goes out than the rate says and that much.
 */
#ifndef QUEUE_BUCKET_H
#define QUEUE_BUCKET_H

#include <stdint.h>

#include "proto/rate.h"

/* Zero-initialised: full. Keeps its meaning when the rates change. */
struct buckets {
	uint64_t full[RATES]; /* microseconds: when it will be full again */
};

/*
 * Milliseconds until there is something in each; *which is the one that takes longest. slow: the
 * rates are divided by that.
 */
uint64_t buckets_wait(const struct buckets *b, const struct rates *r, double slow, uint64_t now,
    enum rate_kind *which);
/* What may be taken now. */
uint32_t bucket_room(
    const struct buckets *b, const struct rates *r, enum rate_kind k, double slow, uint64_t now);
/* Takes n, also when there is less: what follows waits for it. */
void bucket_take(struct buckets *b, const struct rates *r, enum rate_kind k, double slow,
    uint32_t n, uint64_t now);
/* Gives n back that were taken and not used. */
void bucket_give(
    struct buckets *b, const struct rates *r, enum rate_kind k, double slow, uint32_t n);

#endif
