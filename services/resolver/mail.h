/*
 * Where mail for a domain goes (RFC 5321 5.1): its MX records, and the addresses of the best of
 * them.
 */
#ifndef RESOLVER_MAIL_H
#define RESOLVER_MAIL_H

#include "library.h"
#include "proto/resolve.h"

/* The addresses of one host. */
struct host_search {
	struct mail_search *search;
	struct mail_host *host;
	struct query four, six, alias;
};

struct mail_search {
	struct mail_reply reply; /* when done */
	struct arena *arena;
	struct str domain;
	void (*done)(struct mail_search *s);
	struct query mx;
	struct host_search *hosts;
	uint32_t asked; /* hosts whose addresses are asked for */
	uint32_t pending;
};

/* Embedded in its owner. done() is called once, perhaps from within. domain and a must stay. */
void mail_search(struct mail_search *s, const struct mail_question *q, struct arena *a,
    void (*done)(struct mail_search *s));
/* What is not known yet counts as a temporary failure: completes s->reply. done() is not called. */
void mail_search_stop(struct mail_search *s);

/* Seeds the order of equal preferences. */
void mail_seed(uint64_t seed);

#endif
