/*
 * Everything that is counted for reports: for each domain a tally of the day (by UTC) in memory,
 * written down every few seconds, and on disk alone those of days that are over, until outbox.c has
 * reported them. A domain that mail went to has a tally whether or not it will want a report.
 */
#ifndef POLICY_TALLIES_H
#define POLICY_TALLIES_H

#include "base/buf.h"
#include "store.h"
#include "tally.h"

enum {
	TALLIES_MAX = 50 * 1000, /* domains of one day; what comes beyond is not counted */
	TALLIES_BYTES_MAX = 128 * 1024 * 1024, /* memory; then nothing new is told apart */
	DAY_SECONDS = 86400,
};

/* Reads what is on disk. over() is called for each tally that is over, now and when it is so later. */
void tallies_open(struct store *s, void (*over)(const struct tally *t));
void tallies_start(void);

/* Counts it, when it comes from a domain for which there is room. */
void tallies_count(const struct tls_result *r, struct str text);
/* Writes down what was not yet. */
void tallies_write(void);

/* The one that is being counted, or NULL. */
struct tally *tallies_find(struct str domain);
/* The one behind t, in no order; NULL = the first. Those of this day alone. */
struct tally *tallies_next(const struct tally *t);
/* It is over now, and what comes later belongs to another one. False: there is none. */
bool tallies_close(struct str domain);

/* What is on disk of one that is over: yours, or NULL. */
struct tally *tallies_load(struct str domain, int64_t begin);
int tallies_keep(const struct tally *t); /* what has changed; -1: not on disk */
void tallies_drop(const struct tally *t);

void tallies_status(struct buf *out);

#endif
