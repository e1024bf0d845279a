/* A small file of the spool that is replaced whole by a helper thread, whenever what it tells changes. */
#ifndef QUEUE_STATE_H
#define QUEUE_STATE_H

#include "base/buf.h"
#include "pool.h"
#include "spool.h"

struct state {
	enum spool_file file;
	size_t max; /* bytes */
	int (*encode)(struct buf *b); /* appends what it tells now */
	const char *failed; /* the event when it cannot be written */
	struct task task; /* from here on zero */
	struct buf text;
	bool again; /* it has changed while it was being written */
};

void state_write(struct state *s);

/* The number at the beginning of a line of fields, taken off it; -1 when there is none. */
int64_t state_number(struct str *line);

#endif
