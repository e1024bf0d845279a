/*
 * How a next hop is to be spoken to: setting remote_tls, and by next hop remote_tls_policy and
 * remote_auth.
 */
#ifndef LOOKUP_TLS_H
#define LOOKUP_TLS_H

#include "run.h"

/*
 * The policy of a next hop as text (proto/tls_wish.h), and the rule that it is from. implicit: the
 * route speaks TLS from the first byte. FOUND_FAILED when a table could not answer.
 */
enum found tls_policy_of(
    struct run *r, struct str nexthop, bool implicit, struct str *text, struct str *rule);

#endif
