/*
 * Lists of next hops, in transport(5) and the settings: "[a]:25 weight=3 | [b]:25, [c]". A comma or a
 * blank: what follows is tried when what stands before could not be reached. A bar: they share the
 * mail, by weight.
 */
#ifndef LOOKUP_HOPS_H
#define LOOKUP_HOPS_H

#include "proto/way.h"

/*
 * Appends the hops of a list, in groups behind those of y; they have nexthop (borrowed), group and
 * weight. NULL, or what is wrong with it.
 */
const char *hops_parse(struct str text, struct way *y);

#endif
