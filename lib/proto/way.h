/*
 * The way that mail for a recipient takes to other hosts: one or more next hops, and how each is to be
 * spoken to. Decided by services/lookup with the route; the queue keeps it as it came, since what is
 * the same goes together; deliver/remote carries it out.
 */
#ifndef PROTO_WAY_H
#define PROTO_WAY_H

#include "base/arena.h"
#include "base/ipc.h"

enum {
	WAY_HOPS = 16,
	WAY_MAX = 4096, /* bytes on the wire */
	WAY_DEMANDS = WAY_HOPS * 24, /* of these, what a message itself may add */
	WAY_WEIGHT_MAX = 1000,
	NEXTHOP_MAX = 512, /* of one next hop, and of the text of a list of them */
};

struct way_hop {
	struct str nexthop; /* "[host]:port", "[192.0.2.1]:25", "domain" (by its MX records) */
	struct str tls; /* struct tls_wish as text */
	struct str tls_rule; /* which rule wants that */
	struct str family; /* struct families as text; empty: as the setting has it */
	struct str family_rule; /* which rule wants that */
	uint8_t group; /* tried when all of the groups before have failed; counted from 0 */
	uint16_t weight; /* its share of the mail of its group */
};
struct way {
	struct way_hop hop[WAY_HOPS];
	unsigned n;
};

/*
 * Groups stand in their order. What was added later stands behind them all, and only if it says something:
 * the queue keeps ways on disk.
 */
void put_way(struct put *w, const struct way *y);
int get_way(struct get *g, struct way *y); /* borrows from the packet; at least one hop */
void put_way_hop(struct put *w, const struct way_hop *h);
void get_way_hop(struct get *g, struct way_hop *h);

/* As it is kept, in a; STR_NONE when it is too long. */
struct str way_encode(const struct way *y, struct arena *a);
int way_decode(struct str bytes, struct way *y); /* borrows from bytes */
/*
 * As it is kept, for a message that demands more of TLS than the route, or less than the destination has
 * published (RFC 8689; enum tls_demand). A report must not get lost because nobody offers REQUIRETLS
 * (section 5). The same way, or a new one in a.
 */
struct str way_demanded(struct str way, uint8_t demand, bool report, struct arena *a);
/* Mail may share a connection to them. */
bool way_same_hop(const struct way_hop *a, const struct way_hop *b);

#endif
