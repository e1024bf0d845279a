/* Text and content of ours as MIME wants it when it is not plain ASCII. */
#ifndef MAIL_MIME_ENCODE_H
#define MAIL_MIME_ENCODE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"
#include "mail/mime_decode.h"

/*
 * A body encoded as it comes, in any cuts. MIME_QP: quoted-printable (RFC 2045 6.7); CRLF stays a
 * line end, and no line of what comes out is longer than 76. MIME_BASE64: base64 in lines of 76.
 */
struct mime_encoder {
	uint8_t encoding; /* enum mime_encoding */
	uint8_t npending;
	char pending[3]; /* what cannot be decided or encoded before the next byte is known */
	unsigned column;
};
void mime_encode_start(struct mime_encoder *e, enum mime_encoding encoding);
/* Adds at most 4 bytes for each of s, and 8. */
void mime_encode(struct mime_encoder *e, struct str s, struct buf *out);
/* The end of the body, which need not be the end of a line. */
void mime_encode_finish(struct mime_encoder *e, struct buf *out);

/*
 * Appends the text of an unstructured field, as it is when it is ASCII, else as encoded words
 * (RFC 2047) on folded lines; the first line has `column` characters before it. What is not UTF-8
 * goes out as of an unknown charset (RFC 1428 3).
 */
void mime_encode_words(struct buf *b, struct str text, size_t column);

#endif
