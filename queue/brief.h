/*
 * What is kept in memory of a message that waits, so that lists, queries and counts need not read
 * its file: who sent it, the first of its recipients and what became of them. Of what does not fit
 * into BRIEF_MAX bytes it says that it is not the whole. A brief is bytes, the same in memory and in
 * the checkpoint; whoever wants to know something takes it apart.
 */
#ifndef QUEUE_BRIEF_H
#define QUEUE_BRIEF_H

#include "facts.h"

enum { BRIEF_MAX = 440, BRIEF_RCPTS = 8 };

struct brief {
	uint16_t n;
	uint8_t bytes[];
};

/* A new one (free() it) of known facts; NULL when sender and login alone are too long. */
struct brief *brief_new(const struct facts *f);
/* The same of bytes that came from elsewhere; NULL when they are none. */
struct brief *brief_copy(struct str bytes);
static inline struct str brief_bytes(const struct brief *b)
{
	return str_bytes(b->bytes, b->n);
}
/*
 * Sets what is known by it (all but id, state, next, size). Borrows from it; rcpts is room for the
 * recipients. -1 when the bytes are none.
 */
int brief_read(struct str bytes, struct facts *f, struct facts_rcpt rcpts[BRIEF_RCPTS]);

#endif
