/*
 * Messages that are on disk only: waiting for their next try, loaded when it is their turn. A file is
 * read and verified when its message is due.
 */
#ifndef QUEUE_LOAD_H
#define QUEUE_LOAD_H

#include "message.h"
#include "spool.h"

/* Before all others. */
void load_init(void);
/* That entry (without a struct message) is due in ms milliseconds. */
void load_later(struct entry *e, uint64_t ms);
/* The same, at a time that its sender has chosen (seconds since 1970). */
void load_scheduled(struct entry *e, int64_t at);
/* The same, at once. */
void load_now(struct entry *e);
/* The same for every recipient, whenever its next try is due. */
void load_all(struct entry *e);
/* It stays in the trash for so long. */
void load_trash(struct entry *e, uint64_t ms);
/* It waits for what stands on its file: held, or due at that time. */
void load_as(struct entry *e, const struct spool_times *times);
/* Takes it out of whatever it waits in. */
void load_forget(struct entry *e);
/* Loads what is due, as far as there is room in memory. */
void load_pump(void);
/* Loads nothing any more. */
void load_stop(void);
/* How many messages more may come into memory. */
uint32_t load_room(void);
/* Whether there is room beyond what is due already. */
bool load_wants_more(void);
/* An administrator's wish for a message that is not in memory: loads it, and does that. */
void load_for(struct entry *e, unsigned wishes);
/* Every second. */
void load_tick(void);

#endif
