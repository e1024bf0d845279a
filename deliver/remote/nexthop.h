/*
 * Where a route sends mail: "[host]:port", "[192.0.2.1]:25", "[IPv6:2001:db8::1]", "host:port".
 * Brackets mean the host itself, without a look for MX records.
 */
#ifndef REMOTE_NEXTHOP_H
#define REMOTE_NEXTHOP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/str.h"
#include "limits.h"
#include "mail/status.h"
#include "net/ip.h"
#include "proto/conf.h"

struct nexthop {
	char host[HOP_HOST_MAX + 1]; /* in lower case, without brackets */
	bool bracketed;
	struct ip ip; /* family 0: the host is a name */
	uint16_t port;
};

/* -1 if it is none of these forms. */
int nexthop_parse(struct str text, uint16_t default_port, struct nexthop *h);

struct addresses {
	struct ip ip[HOP_ADDRESSES_MAX]; /* in the order to try */
	unsigned n;
};

/* A question for the addresses of a next hop; embedded in its owner, zero-initialised. */
struct resolve {
	struct timer timer;
	struct addresses found;
	struct status status;
	/* found->n > 0, or st says why there is none: 4xx to try again, 5xx for a host that cannot
	 * be */
	void (*done)(void *arg, const struct addresses *found, const struct status *st);
	void *arg;
};

/* The names that are known without DNS: setting static_hosts. Call again when it changes. */
int nexthop_configure(const struct conf *c);

/*
 * Calls done once, from the loop and never from here. Knows literals, localhost and static_hosts;
 * other names are temporary failures.
 */
void nexthop_resolve(struct resolve *r, const struct nexthop *h,
    void (*done)(void *, const struct addresses *, const struct status *), void *arg);
void resolve_cancel(struct resolve *r); /* done will not be called; safe when idle */

/* For connect(); returns its length. */
socklen_t nexthop_sockaddr(const struct ip *ip, uint16_t port, struct sockaddr_storage *ss);

#endif
