/*
 * The client's connection: lines and literals in, a large buffer out. Blocking, by poll(); the
 * control channel is watched all the time, the notify channel while waiting for a command.
 */
#ifndef SESSION_IO_H
#define SESSION_IO_H

#include "session.h"

/* Sends what has come together. False (and s->end set) when the client has gone. */
bool io_flush(struct session *s);
/* The same, but only when there is much of it; to be called after each item of a long answer. */
bool io_commit(struct session *s);

/* Milliseconds on CLOCK_BOOTTIME. */
int64_t io_now(void);

enum io_wait {
	IO_INPUT, /* there is something in s->in */
	IO_CHANGED, /* another session, or a delivery, changed the selected mailbox */
	IO_TIME, /* ms are over */
	IO_END, /* s->end says why */
};
/* Flushes, then waits for input, or a change when `changes`, for ms at most. */
enum io_wait io_wait(struct session *s, bool changes, int ms);

/*
 * Appends the next line, without its line end, to s->cmd. 1; 0 when it was too long (it has been
 * skipped); -1 at the end.
 */
int io_line(struct session *s);
/* For struct parse: fetches a literal of a command into s->cmd. arg is the session. */
bool io_literal(struct parse *p, uint64_t n, bool sync);
/* Announces to the client that its literal may come; nothing to do for a non-synchronising one. */
void io_go_ahead(struct session *s, bool sync);
/*
 * Up to n bytes of a literal that the caller streams: borrowed until the next call. Empty at the
 * end of the connection.
 */
struct str io_bytes(struct session *s, uint64_t n);
/* Throws the rest of a refused command away: non-synchronising literals are on their way already.
 */
void io_skip_command(struct session *s);

#endif
