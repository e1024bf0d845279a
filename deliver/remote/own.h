/*
 * Is that us? Mail that DNS sends back to this host would go round for ever (RFC 5321 5.1).
 */
#ifndef REMOTE_OWN_H
#define REMOTE_OWN_H

#include <stdbool.h>
#include <stdint.h>

#include "net/ip.h"
#include "proto/conf.h"

/* Looks which addresses the interfaces have: before confinement. Without them, those of listeners
 * count. */
void own_look(void);
/* Complains of sections "source" whose address this host does not have: before confinement. */
void own_look_for_sources(const struct conf *c);
/* Reads hostname, own_addresses and the SMTP listeners. -1 when an address cannot be read. */
int own_configure(const struct conf *c);

bool own_name(struct str host);
/* Would a connection to it end here? */
bool own_address(const struct ip *ip, uint16_t port);

#endif
