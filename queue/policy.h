/*
 * The policies of destinations: what holds for all, for mailboxes here, and what sections
 * "destination" say of some.
 */
#ifndef QUEUE_POLICY_H
#define QUEUE_POLICY_H

#include "proto/resolve.h"
#include "proto/retry.h"
#include "sched.h"

enum { POLICY_REMOTE, POLICY_LOCAL, POLICY_SECTIONS };

/* Reads the configuration in force and tells the scheduler. */
void policy_load(struct sched *s);
/*
 * The policy of a next hop (in lower case): the first section that names it, or one of its hosts
 * (NULL = not known); else POLICY_REMOTE.
 */
uint16_t policy_match(struct str nexthop, const struct mail_reply *hosts);
/* Whether all of that policy are one destination. */
bool policy_together(uint16_t policy);
/* Its name: the title of its section. Borrowed until the next load. */
struct str policy_name(uint16_t policy);
/* When what has failed there is tried again. */
const struct retry_times *policy_retry(uint16_t policy);
/* Whether the addresses of that name are in the configuration. */
bool policy_static_host(struct str name);

#endif
