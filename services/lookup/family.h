/* Which addresses of a next hop's hosts are used: remote_address_preference_maps. */
#ifndef LOOKUP_FAMILY_H
#define LOOKUP_FAMILY_H

#include "proto/way.h"
#include "run.h"

/* Sets what the tables say of that next hop; nothing when they say nothing. */
enum found family_add(struct run *r, struct way_hop *h);

#endif
