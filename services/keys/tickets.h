/*
 * What session tickets are sealed with: keys of our own per service, replaced every hour, so that
 * what a taken-over process knows opens nothing of another service and little of the past.
 */
#ifndef KEYS_TICKETS_H
#define KEYS_TICKETS_H

#include "net/tls.h"
#include "proto/role.h"

/* Does that role resume sessions at all? */
bool tickets_of(enum role role);
/* The keys of that role, newest first; made at the first call. */
const struct tls_ticket_key *tickets_keys(enum role role, size_t *n);
/* An hour has passed. */
void tickets_rotate(void);

#endif
