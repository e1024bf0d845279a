/*
 * From the wire to the disk: CRLF becomes LF, a bare CR or LF stays what it is, and both sizes are
 * counted on the way. Input may be cut anywhere, also between CR and LF.
 */
#ifndef MAILDIR_CRLF_H
#define MAILDIR_CRLF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct crlf {
	uint64_t size; /* bytes put out */
	uint64_t wire; /* the same with every LF that stands alone counted as CRLF: RFC822.SIZE */
	bool cr; /* a CR is held back until its next byte is known */
	char last; /* of what was put out */
};

/* Converts in to out, which has room for in.n + 1 bytes; returns how many it used. */
size_t crlf_feed(struct crlf *c, struct str in, char *out);
/* The end of the message: puts out what was held back (0 or 1 bytes). */
size_t crlf_end(struct crlf *c, char *out);

#endif
