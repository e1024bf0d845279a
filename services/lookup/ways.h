/* The ways of results that go to other hosts: next hops, and how each is to be spoken to. */
#ifndef LOOKUP_WAYS_H
#define LOOKUP_WAYS_H

#include "route.h"

/* Fills in the ways of all. FOUND_FAILED when a table could not answer, or said what makes no sense. */
enum found ways_add(struct run *r, struct routes *out);

#endif
