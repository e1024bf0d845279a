/*
 * What was said about a job, for whoever wants to know why it was deferred: commands and replies, with
 * the time since the job came, but no content and no credentials. Bounded: of a long one, its beginning
 * and its end are kept.
 *
 *	0.012 < 220 mx.example.org ESMTP
 *	0.012 > EHLO mail.example.net
 *	0.350 * 1234 bytes of content
 */
#ifndef REMOTE_TRANSCRIPT_H
#define REMOTE_TRANSCRIPT_H

#include "base/buf.h"

enum transcript_mark { TRANSCRIPT_SAID = '>', TRANSCRIPT_HEARD = '<', TRANSCRIPT_NOTE = '*' };

struct transcript {
	struct buf text;
	uint64_t begun; /* on the loop's clock */
	size_t head; /* bytes of the beginning, once something behind it was left out */
};

void transcript_init(struct transcript *t);
void transcript_clear(struct transcript *t);
/* A line, with or without its CRLF. */
void transcript_add(struct transcript *t, enum transcript_mark mark, struct str line);
void transcript_note(struct transcript *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
