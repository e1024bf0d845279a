/*
 * Messages that are on disk only: found at the start, waiting for their next try, loaded when it is
 * their turn. At the start only names and times are read, so that any number is there at once; a
 * file is read and verified when its message is due.
 */
#ifndef QUEUE_LOAD_H
#define QUEUE_LOAD_H

#include "message.h"

/* Begins to look for what is in the spool. New mail need not wait for it. */
void load_start(void);
/* Whether all of the spool has been looked at. */
bool load_complete(void);
/* That entry (without a struct message) is due in ms milliseconds. */
void load_later(struct entry *e, uint64_t ms);
/* The same, at a time that its sender has chosen (seconds since 1970). */
void load_scheduled(struct entry *e, int64_t at);
/* The same, at once. */
void load_now(struct entry *e);
/* The same for every recipient, whenever its next try is due. */
void load_all(struct entry *e);
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
