/*
 * Replies of an SMTP or LMTP server, RFC 5321 4.2: one or more lines of one code. Strict in what
 * makes a reply, since what is misread here becomes a lost message or a false success; the text
 * may be anything and is made printable.
 */
#ifndef REMOTE_REPLY_H
#define REMOTE_REPLY_H

#include "base/str.h"
#include "mail/status.h"

struct reply {
	int code; /* of the lines so far; 0 = none yet */
	unsigned lines;
	size_t bytes;
	char enhanced[STATUS_ENHANCED_MAX]; /* RFC 2034, of the first line; may be empty */
	char text[STATUS_TEXT_MAX]; /* all lines, joined by blanks, cut where it is full */
	size_t n;
	struct str line; /* the last line behind its code; borrowed from the caller */
};

enum reply_state { REPLY_BAD, REPLY_MORE, REPLY_DONE };

void reply_start(struct reply *r);

/*
 * Takes the next line, without its line end. REPLY_BAD: it is no reply, its code differs from that
 * of the lines before, or the reply exceeds a limit; the connection is of no use then.
 */
enum reply_state reply_line(struct reply *r, struct str line);

/* A complete reply as a status; command as in "in reply to MAIL FROM command". */
void reply_status(const struct reply *r, const char *command, struct status *st);

#endif
