/* Finding out what a domain publishes (RFC 8461 3, 5.1): by DNS that there is a policy, and then by HTTPS. */
#ifndef POLICY_DISCOVER_H
#define POLICY_DISCOVER_H

#include "base/buf.h"
#include "cache.h"

/* One who wants to know; made by serve.c. */
struct waiter {
	TAILQ_ENTRY(waiter) next;
	struct chan *chan; /* NULL: it has gone */
	struct chan_ref ref;
	struct str host; /* behind it */
	char text[];
};

void discover_open(void (*answer)(const struct entry *e, const struct waiter *w));
/* Starts to look after policies that will expire. */
void discover_start(void);

/* Answers w, at once or later, and frees it. */
void discover(struct entry *e, struct waiter *w);
/* Whoever asked over that channel waits no more. */
void discover_forget(const struct chan *c);
/* What is known is to be looked up again; the policy itself is forgotten, too. */
void discover_flush(struct entry *e);

void discover_status(struct buf *out);

#endif
