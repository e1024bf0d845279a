/*
 * Where mail for other hosts goes when transport_maps do not say. The transport is that of
 * sender_dependent_default_transport_maps, then of default_transport; the next hop is that of the same, then that of
 * sender_dependent_relayhost_maps, then relayhost, and without any of these the recipient's domain.
 */
#ifndef LOOKUP_RELAY_H
#define LOOKUP_RELAY_H

#include "nexthop.h"
#include "run.h"

/*
 * For mail from that sender (empty: the null sender). ours: the domain is one of relay_domains, whose
 * transport the sender has no say in. An empty out->host is the recipient's domain. *rule becomes the
 * rule that names the next hop or the transport, if there is one.
 */
enum found relay_find(
    struct run *r, struct str sender, bool ours, struct nexthop *out, struct str *rule);

/* NULL, or what is wrong with a default_transport. */
const char *relay_check_transport(struct str text);

#endif
