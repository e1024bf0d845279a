/* LOOKUP_SENDER: may a login send in the name of an address? */
#ifndef LOOKUP_SENDER_H
#define LOOKUP_SENDER_H

#include "proto/lookup.h"
#include "run.h"

/* a->rule is in r->arena. Void when run_waits(r). */
void sender_answer(struct run *r, const struct sender_question *q, struct access_answer *a);

#endif
