/*
 * Which destination a next hop belongs to: all of one section "destination" that are to be taken
 * together, else all domains with the same MX hosts, else the next hop itself. What DNS says is asked of
 * the resolver before the first delivery; deliver/remote asks the same, so it costs DNS nothing, and a
 * packet once in the life of an answer. Whatever goes wrong, there is a destination: the next hop.
 */
#ifndef QUEUE_SITE_H
#define QUEUE_SITE_H

#include "proto/lookup.h"
#include "sched.h"

/*
 * The destination of a route, as far as it is known; the key is borrowed until the loop goes on.
 * False when the resolver should be asked first.
 */
bool site_known(const struct route *r, struct sched_site *out);
/* Calls done(w) from the loop when it is known. */
void site_ask(const struct route *r, struct sched_work *w, void (*done)(struct sched_work *w));
/* Does a message wait for what the resolver says of it? */
bool site_is_asked(const struct route *r);
/* Does not wait any more. Safe when it does not. */
void site_cancel(struct sched_work *w);
/* After a reload: all are looked at anew. */
void site_reload(void);

#endif
