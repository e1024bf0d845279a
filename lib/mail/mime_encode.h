/* Text of ours as MIME wants it when it is not plain ASCII. */
#ifndef MAIL_MIME_ENCODE_H
#define MAIL_MIME_ENCODE_H

#include "base/buf.h"
#include "base/str.h"

/*
 * Appends text as quoted-printable (RFC 2045 6.7): lines end with CRLF in text and stay lines, none
 * of what comes out is longer than 76.
 */
void mime_encode_qp(struct buf *b, struct str text);

/*
 * Appends the UTF-8 text of an unstructured field, as it is when it is ASCII, else as encoded words
 * (RFC 2047) on folded lines; the first line has `column` characters before it.
 */
void mime_encode_words(struct buf *b, struct str text, size_t column);

#endif
