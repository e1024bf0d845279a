/*
 * The content of a message as it streams through: dots and line ends, the header's facts, limits,
 * into the body. Knows nothing of the session.
 */
#ifndef SMTPD_CONTENT_H
#define SMTPD_CONTENT_H

#include "transaction.h"

/* stuffed: DATA; else BDAT. */
void content_start(struct transaction *t, const struct content_rules *rules, bool stuffed);

/* The trace field, as the first bytes of the message. */
void content_trace(struct transaction *t, struct str field);

enum content_result {
	CONTENT_MORE, /* all of *in has been used */
	CONTENT_END, /* CRLF.CRLF: *in is behind it */
	CONTENT_BARE, /* a bare CR or LF: the session has to end */
	CONTENT_LARGE, /* all used as well, but the body must become a large one before more comes */
	CONTENT_ENDLESS, /* far too much: the session has to end */
};

/* Takes from *in. After CONTENT_LARGE c->ended says whether the end was there. */
enum content_result content_feed(struct transaction *t, struct str *in);
/* After the last chunk of BDAT: CONTENT_END, CONTENT_BARE or CONTENT_LARGE. */
enum content_result content_last(struct transaction *t);
/* The body is large now: writes what was held. */
void content_enlarged(struct transaction *t);
/*
 * The message is complete: its last checks. True if it may be committed, else content->fault is why
 * not.
 */
bool content_good(struct transaction *t);

#endif
