/* Messages as JSON objects, for the tools: the fields of `postqueue -j`, and more. */
#ifndef QUEUE_RECORD_H
#define QUEUE_RECORD_H

#include "base/buf.h"
#include "facts.h"
#include "logins.h"
#include "shape.h"
#include "transcript.h"

/* Longer lists of recipients are cut: a record has to fit into a packet. */
enum { RECORD_JSON_MAX = IPC_BODY_MAX - 512 };

/* A JSON string; bytes that are no UTF-8 are replaced. */
void record_string(struct buf *b, struct str s);

/* Appends the record of a message that is known. */
void record_facts(struct buf *b, const struct facts *f);
/* What was said about recipients of a message that is known; false: about none that it still has. */
bool record_transcript(struct buf *b, const struct facts *f, const struct transcript *t);
/* A row of ages; kind: "domain", or what it is instead of one. */
void record_shape(struct buf *b, const char *kind, const struct shape_row *r);
/* The counters of a login. */
void record_login(struct buf *b, const struct login *l);
/* The counters; lost: directories (spool.h). */
void record_summary(struct buf *b, bool complete, bool failed, unsigned lost);

#endif
