/*
 * The transparency of SMTP (RFC 5321 4.5.2), in and out, as streams. Only CRLF "." CRLF ends a
 * message: any other reading of line ends lets one message be smuggled into another.
 *
 * What comes out of the reader has CRLF line ends only, no NUL, and no stuffed dots.
 */
#ifndef MAIL_DOTS_H
#define MAIL_DOTS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

/* Found in the input so far; bare ones only where the reader does not normalise. */
enum dots_fault { DOTS_BARE_CR = 1, DOTS_BARE_LF = 2, DOTS_NUL = 4 };

struct dots_in {
	uint8_t state;
	bool stuffed; /* DATA: dots are stuffed and end the message; BDAT: neither */
	bool
	    normalise; /* a bare LF ends a line, CRs before it are dropped, other bare CRs become blanks */
	unsigned faults;
};

void dots_in_start(struct dots_in *d, bool stuffed, bool normalise);
/*
 * Moves content from *in to the end of out. 1 = the end of the message: *in is behind it. 0 = all of
 * *in has been used. At most 2 * in->n + 2 bytes are added; the caller leaves that much room.
 */
int dots_in_feed(struct dots_in *d, struct str *in, struct buf *out);
/*
 * After the last chunk of BDAT: a CR still waiting for its LF is bare; a last line without an end
 * gets one. Adds at most 3 bytes.
 */
void dots_in_finish(struct dots_in *d, struct buf *out);

struct dots_out {
	uint8_t state;
};

void dots_out_start(struct dots_out *d);
/* Appends s to out, dots stuffed and every line end made CRLF. -1 past the maximum of out. */
int dots_out_feed(struct dots_out *d, struct str s, struct buf *out);
/* Appends the end of the message, ending its last line first if need be. */
int dots_out_finish(struct dots_out *d, struct buf *out);

#endif
