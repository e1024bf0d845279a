/*
 * How many connections each client has that wait for a login, so that one client cannot take all
 * there are. Counted for an IPv4 address or an IPv6 /64, in this worker only.
 */
#ifndef LOGIN_WAITING_H
#define LOGIN_WAITING_H

#include <stdbool.h>

#include "net/ip.h"
#include "proto/conf.h"

struct waiting;

/* Reads imap_client_connections and trusted_networks. */
void waiting_load(const struct conf *c);

/*
 * One more of that client; false when it has had its share. *out is for waiting_end(), and NULL for
 * clients that are not counted.
 */
bool waiting_begin(const struct ip *ip, struct waiting **out);
/* It waits no longer, or is gone. *w becomes NULL, and may be it already. */
void waiting_end(struct waiting **w);

#endif
