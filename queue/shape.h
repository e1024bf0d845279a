/*
 * How old what waits is, by the domain of recipients (or senders), as qshape(1) shows it: collected
 * from the facts of one message after the other. Pure: time is an argument.
 */
#ifndef QUEUE_SHAPE_H
#define QUEUE_SHAPE_H

#include "facts.h"

enum {
	SHAPE_AGES = 10, /* below 5, 10, 20 ... 1280 minutes, and above */
	SHAPE_DOMAINS_MAX = 50000, /* domains beyond are counted as others */
};

struct shape_row {
	struct str domain; /* in lower case; empty: the null sender, or an address without one */
	uint64_t total, ages[SHAPE_AGES];
};

struct shape;

/* by_sender: counts messages by the domain of their sender; else recipients. */
struct shape *shape_new(bool by_sender);
void shape_free(struct shape *s);
void shape_add(struct shape *s, const struct facts *f, int64_t now);

/* All together. */
const struct shape_row *shape_total(const struct shape *s);
/* Of these, what has no row of its own: too many domains, or more recipients than are kept in memory. */
const struct shape_row *shape_others(const struct shape *s);
/* Of messages that nothing is known of yet but that they are there; not in the total. */
uint64_t shape_unknown(const struct shape *s);
/* The rows, the largest first: calls fn for at most max of them. */
void shape_each(
    struct shape *s, uint32_t max, void (*fn)(void *arg, const struct shape_row *r), void *arg);

#endif
