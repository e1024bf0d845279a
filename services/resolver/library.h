/*
 * libunbound: resolves, validates and caches. Nobody else knows which library it is. It works on
 * our event loop, asynchronously; what comes back is a DNS message for lib/net/dns.c.
 */
#ifndef RESOLVER_LIBRARY_H
#define RESOLVER_LIBRARY_H

#include "net/dns.h"
#include "settings.h"

/*
 * Reads everything that it will ever read and opens nothing later but sockets: to be called before
 * confinement. -1 with a sentence in why.
 */
int library_open(const struct settings *s, char why[CONF_WHY]);

/* A question on its way; embedded in its owner, zero-initialised. */
struct flight;
struct query {
	struct dns_answer answer; /* when done; strings are in the arena */
	struct str why; /* in words, when it is bogus */
	void (*done)(struct query *q);
	void *arg;
	struct arena *arena;
	struct str name;
	uint16_t type;
	struct flight *flight; /* NULL: not under way */
};

/*
 * Asks; done(q) is called exactly once, perhaps from within. name must stay as long as the question
 * is under way, and so must the arena.
 */
void library_ask(struct query *q, struct str name, uint16_t type, struct arena *a,
    void (*done)(struct query *q), void *arg);
/* done will not be called; safe when idle. */
void library_forget(struct query *q);

/* Questions under way. */
unsigned library_flights(void);

#endif
