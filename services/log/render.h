/*
 * Events as lines. Each function appends one line with its LF to b, or nothing of it when b is full;
 * whatever peers put into values cannot end a line, begin another, or move a cursor.
 */
#ifndef LOG_RENDER_H
#define LOG_RENDER_H

#include "base/buf.h"
#include "event.h"

enum { JSON_SCHEMA = 1 };

/* One JSON object. Schema: thurn-log(8). */
void render_json(struct buf *b, const char *host, const struct origin *o, const struct entry *e);
/*
 * A line as tools for Postfix's log read it, with the time as syslog files have it; local time, so
 * tzset() before confinement.
 */
void render_text(struct buf *b, const char *host, const struct origin *o, const struct entry *e);
/* The same without time and host, and the priority in front, for the socket of the system log. */
void render_syslog(struct buf *b, const char *host, const struct origin *o, const struct entry *e);

/* A value with everything but printable UTF-8 written as \xHH. */
void render_escaped(struct buf *b, struct str s);

#endif
