/* Where facts.h comes from: a message in memory, the file of one, what is kept of one that waits. */
#ifndef QUEUE_GATHER_H
#define QUEUE_GATHER_H

#include "base/arena.h"
#include "brief.h"
#include "message.h"

/* What is known of it without its file: id, state, next, size. */
void gather_head(const struct entry *e, struct facts *f);

/*
 * Adds what a message in memory says, of at most max recipients. -1 when not enough of it is there
 * yet. Some is copied into a, some borrowed from the message.
 */
int gather_message(const struct message *m, struct arena *a, uint32_t max, struct facts *f);

/* Adds what its file says (f->id and f->trashed are set); for helper threads. All is a's. -1 if it cannot be read. */
int gather_file(struct arena *a, struct facts *f);

/* All that is known without its file; rcpts is room. Valid until the loop goes on. */
void gather_entry(
    const struct entry *e, struct arena *a, struct facts_rcpt rcpts[BRIEF_RCPTS], struct facts *f);

#endif
