/*
 * The checkpoint: every minute, what is kept in memory of each message goes into one file beside the
 * hash directories (snapshot.h), so that the next start knows it at once. It is made shard by shard
 * on the loop and written by a helper thread, into a new file that takes the old one's place.
 */
#ifndef QUEUE_CHECKPOINT_H
#define QUEUE_CHECKPOINT_H

#include <stdbool.h>

/* Every second. */
void checkpoint_tick(void);
/* Writes one now, if there is something new; for the end of the process. */
void checkpoint_write(void);
/* One is being written. */
bool checkpoint_busy(void);

#endif
