/* LOOKUP_LANE: which lane lane_maps give a message. */
#ifndef LOOKUP_LANE_H
#define LOOKUP_LANE_H

#include "proto/lookup.h"
#include "run.h"

/*
 * From what says most of that one message to what says least: a mark of its header with its value
 * ("header:precedence:bulk"), without ("header:list-id"), its login ("login:alice@example.org"), its sender
 * ("alice@example.org", "@example.org", "<>"), its listener ("listener:TITLE"). The value DUNNO ends the
 * search without a result.
 */
void lane_answer(struct run *r, const struct lane_question *q, struct lane_answer *out);

#endif
