/*
 * What an administrator has deleted, for a while (setting trash_time): the message stays in its hash
 * directory under another name, which one rename gives and takes away; its expansions stay where they
 * are. It is an entry as any other, of a state of its own, and is removed when its time is over, or
 * when the disk is short of space.
 */
#ifndef QUEUE_TRASH_H
#define QUEUE_TRASH_H

#include "message.h"
#include "spool.h"

/* Deletes a message that is not in memory; `when` names the order (seconds since 1970). */
void trash_put(struct entry *e, int64_t when);
/* A message that settles was moved there (file_trash()), or found there at the start. */
void trash_keep(struct entry *e, int64_t when);
/* Back into the queue, as it was. */
void trash_restore(struct entry *e);
/* For good. */
void trash_end(struct entry *e);

/* The last order of which something is still there; 0 = none. */
int64_t trash_last(void);
/* It has been undone. */
void trash_undone(int64_t when);

/* Orders on their way to the disk: no more of them while that is true. */
bool trash_full(void);
/* Every second: makes room when there is none. */
void trash_tick(void);

#endif
