/* Where mail goes, asked of the running suite. */
#ifndef THURN_QUEUE_ROUTE_H
#define THURN_QUEUE_ROUTE_H

#include "base/arena.h"
#include "proto/lookup.h"

/*
 * The route to another host that mail for that domain takes, asked of the running suite; what is in it stays in a.
 * False when it takes none, when that is no domain, or when nobody can say.
 */
bool queue_route(struct arena *a, const char *domain, struct route *r);

/* Whether mail for that domain is delivered into mailboxes here. */
bool queue_is_local(const char *domain);

/*
 * A next hop as it may be ordered, "smtp:[mail.example.net]:25", with the transport that was not said: in a,
 * or text itself. NULL when it is none.
 */
const char *queue_hop(struct arena *a, const char *text);

#endif
