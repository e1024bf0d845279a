/*
 * Logins at other hosts that were refused: not tried again for a while, so that nobody locks us out.
 * deliver/remote finds it out and holds back what is about to log in; services/credentials hears of it, for all
 * workers and over reloads, and does not give that login to anybody meanwhile.
 */
#ifndef PROTO_REFUSED_H
#define PROTO_REFUSED_H

#include "base/str.h"
#include "mail/status.h"

/* What was said to that login at that next hop, if that was lately; else NULL. */
const struct status *refused_lately(uint64_t id, struct str nexthop, uint64_t now);
/* Until then, on the loop's clock. */
void refused_note(uint64_t id, struct str nexthop, const struct status *st, uint64_t until);

#endif
