/*
 * Who is at an address: the name that its reverse zone says and that leads back to it (forward
 * confirmation), and whether it is on a DNS list.
 */
#ifndef RESOLVER_CLIENT_H
#define RESOLVER_CLIENT_H

#include "lists.h"
#include "proto/resolve.h"

enum { CLIENT_NAMES_MAX = 5 /* of one address that are looked at */ };

struct client_search;
struct list_ask {
	struct client_search *search;
	struct list *list;
	struct query query, text;
};

struct client_search {
	struct client_reply reply; /* when done */
	struct arena *arena;
	struct ip ip;
	void (*done)(struct client_search *s);
	void *owner; /* the caller's */
	struct query reverse, forward[CLIENT_NAMES_MAX];
	struct list_ask lists[LISTS_MAX];
	unsigned nlists, pending;
};

/* s is zeroed, but for owner. done() is called once, perhaps from within. a must stay. */
void client_search(struct client_search *s, const struct client_question *q, struct arena *a,
    void (*done)(struct client_search *s));
/* What is not known yet counts as not known: completes s->reply. done() is not called. */
void client_search_stop(struct client_search *s);

#endif
