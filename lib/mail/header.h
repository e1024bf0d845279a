/*
 * A header read as a stream: bytes go in as they come, pieces of fields come out. Nothing is kept
 * but the name of the field at hand, so a header of any size costs the same memory. Line ends are
 * CRLF or LF.
 *
 * The header ends at an empty line, or before the first line that is not a field (RFC 5322 2.2).
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

enum { HEADER_NAME_MAX = 200 }; /* a longer name makes the line no field */

enum header_piece {
	HEADER_MORE, /* give me more bytes */
	HEADER_FIELD, /* a field begins: h->name, and h->raw is its text up to and with the colon */
	HEADER_VALUE, /* h->piece is the next part of its value: continuation lines, line ends and all */
	HEADER_BODY, /* the header has ended; h->raw is the empty line, or what had been read of a line
	               * that is no field; the body follows in *in */
};

/* The strs point into it and into the input: not to be copied. */
struct header_scan {
	struct str name; /* without blanks before the colon; valid until the next field */
	struct str raw;
	struct str piece; /* borrowed from the input */
	uint8_t state;
	size_t held; /* bytes of raw in space */
	char space[HEADER_NAME_MAX];
};

void header_start(struct header_scan *h);
/* Takes some of *in; call again until HEADER_MORE, and not after HEADER_BODY. */
enum header_piece header_next(struct header_scan *h, struct str *in);
/*
 * The input has ended inside the header: what is left in h->raw (a line that was no field yet).
 */
struct str header_rest(struct header_scan *h);

/* Appends a whole value without its folds, trimmed (RFC 5322 2.2.3). -1 past the maximum of b. */
int header_unfold(struct buf *b, struct str value);

/* What smtpd wants to know about a header. */
struct header_facts {
	unsigned received; /* number of Received fields */
	bool date, message_id, from, sender;
};
void header_note(struct header_facts *f, struct str name);

#endif
