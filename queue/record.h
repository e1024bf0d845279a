/* Messages as JSON objects, for the tools: the fields of `postqueue -j`, and more. */
#ifndef QUEUE_RECORD_H
#define QUEUE_RECORD_H

#include "base/buf.h"
#include "format.h"
#include "logins.h"
#include "message.h"

/* What is known without the file. */
struct record_head {
	uint64_t id;
	enum entry_state state;
	int64_t next; /* seconds since 1970, 0 = none */
	bool wanted; /* the caller's */
};

/* Which messages are wanted. */
struct record_match {
	char text[512]; /* "" = all */
	enum {
		MATCH_ADDRESS, /* text is in the sender or a recipient */
		MATCH_SITE, /* it is the domain of a recipient that is still to be delivered */
		MATCH_LOGIN, /* it is who submitted it */
	} by;
};

/* Longer lists of recipients are cut: a record has to fit into a packet. */
enum { RECORD_JSON_MAX = IPC_BODY_MAX - 512 };

/*
 * Appends the record of a message in memory. 1, 0 if it does not match (NULL: all do), -1 if not
 * enough of it is there yet.
 */
int record_message(struct buf *b, const struct record_head *h, const struct message *m,
    const struct record_match *match);
/* The same of one that is only on disk: reads its file; for helper threads. -1 if it cannot. */
int record_file(struct buf *b, const struct record_head *h, const struct record_match *match);
/* The counters of a login. */
void record_login(struct buf *b, const struct login *l);
/* The counters. */
void record_summary(struct buf *b, bool complete, bool failed);

#endif
