/*
 * Where a route sends mail: "unix:/path", "[host]:port", "[192.0.2.1]:25", "[IPv6:2001:db8::1]", "domain:port".
 * Brackets mean the host itself, without a look for MX records; static_hosts come before DNS.
 */
#ifndef REMOTE_NEXTHOP_H
#define REMOTE_NEXTHOP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "limits.h"
#include "net/ip.h"
#include "proto/conf.h"

struct nexthop {
	char host[HOP_HOST_MAX + 1]; /* in lower case, without brackets; or "unix:/path" */
	bool bracketed;
	struct ip ip; /* family 0: the host is a name */
	uint16_t port;
};

/* -1 if it is none of these forms. */
int nexthop_parse(struct str text, uint16_t default_port, struct nexthop *h);
/* Of a Unix socket; else empty. Borrowed from h. */
struct str nexthop_path(const struct nexthop *h);

struct addresses {
	struct ip ip[HOP_ADDRESSES_MAX]; /* in the order to try */
	unsigned n;
};

/* The names that are known without DNS: setting static_hosts. Call again when it changes. */
int nexthop_configure(const struct conf *c);

/* The addresses of a host in static_hosts, or of localhost; NULL for others. */
const struct addresses *nexthop_static(const char *name);

/* Are its hosts those of MX records? */
bool nexthop_by_mx(const struct nexthop *h, uint8_t transport);

#endif
