/* "transport:nexthop" of transport(5). */
#ifndef LOOKUP_NEXTHOP_H
#define LOOKUP_NEXTHOP_H

#include "base/str.h"
#include "mail/status.h"

enum { NEXTHOP_DEFAULT = 0xff /* as if no rule had been there, but perhaps with a next hop */ };

struct nexthop {
	uint8_t transport; /* enum transport, or NEXTHOP_DEFAULT */
	bool implicit_tls; /* TLS from the first byte */
	bool fallback; /* the hosts of fallback_relay may have it, too */
	struct str host; /* borrowed: see hops.h; empty = the recipient's domain */
	struct status status; /* of TRANSPORT_ERROR */
};

/* -1 when the text is not of that form, or its transport is none of ours. */
int nexthop_parse(struct str text, struct nexthop *out);

#endif
