/* IPv4 and IPv6 towards other hosts: setting remote_address_preference, and by next hop its tables. */
#ifndef PROTO_FAMILIES_H
#define PROTO_FAMILIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { FAMILIES_TEXT_MAX = 16 };

/* Which addresses of a host may be used, and which kind comes first. */
struct families {
	bool four, six;
	uint8_t first; /* 4 or 6 */
};

/* "ipv6", "ipv4" (first), "ipv6-only", "ipv4-only". -1 when it is none of these. */
int families_parse(struct str text, struct families *f);

#endif
