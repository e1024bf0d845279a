/* From which of its addresses this host sends a message: the pool that source_maps name. */
#ifndef LOOKUP_SOURCE_H
#define LOOKUP_SOURCE_H

#include "proto/lookup.h"
#include "route.h"

/*
 * Sets the pools of all results that go out by SMTP. The keys of one, from first to last: "to:" with the
 * recipient's domain and "to:." with its parents, the sender, "lane:".
 */
enum found source_add(struct run *r, const struct route_question *q, struct routes *out);

#endif
