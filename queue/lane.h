/*
 * In which lane a message goes: as the rule of lane_maps says that was for it when it was accepted and is
 * recorded with it, else by what it is.
 */
#ifndef QUEUE_LANE_H
#define QUEUE_LANE_H

#include "message.h"

/* With those flags of its file, and so many recipients to go. */
uint8_t lane_of(const struct spool_content *content, uint32_t flags, uint32_t rcpts);

/*
 * Asks lookup which rule is for a message that comes in; done() is called at once when there are no rules,
 * else from the loop. known is false when a table could not say, or nobody answers.
 */
void lane_decide(struct message *m, void (*done)(struct message *m, bool known));

#endif
