/*
 * The sessions that may hear of changes, by account.
 */
#ifndef NOTIFY_SESSIONS_H
#define NOTIFY_SESSIONS_H

#include <stdint.h>

#include "base/str.h"

/* A session of that home, at the other end of *fd (which is taken). */
void session_add(int *fd, struct str home, uint64_t trace);
/*
 * Tells the sessions of that home that a folder has changed. Never waits: a session that does not
 * read is told once, when it reads again, to look at everything.
 */
void sessions_tell(struct str home, struct str folder);
unsigned sessions_count(void);

#endif
