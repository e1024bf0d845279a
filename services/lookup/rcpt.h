/* LOOKUP_RCPT: may this client send to this recipient, and does it exist? */
#ifndef LOOKUP_RCPT_H
#define LOOKUP_RCPT_H

#include "proto/lookup.h"
#include "run.h"

/* a->rule is in r->arena. Void when run_waits(r). */
void rcpt_answer(struct run *r, const struct access_question *q, struct access_answer *a);

#endif
