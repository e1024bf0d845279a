/* Logins that were refused: not tried again for a while, so that nobody locks us out. */
#ifndef REMOTE_REFUSED_H
#define REMOTE_REFUSED_H

#include "base/str.h"
#include "mail/status.h"

/* What was said to that login at that next hop, if that was lately; else NULL. */
const struct status *refused_lately(uint64_t id, struct str nexthop, uint64_t now);
void refused_note(
    uint64_t id, struct str nexthop, const struct status *st, uint64_t now, uint64_t ms);

#endif
