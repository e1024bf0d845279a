/*
 * xtext, RFC 3461 section 4: printable ASCII, with "+XX" for what must not stand in a parameter.
 */
#ifndef MAIL_XTEXT_H
#define MAIL_XTEXT_H

#include "base/buf.h"
#include "base/str.h"

/*
 * Decodes into out. -1 if it is not xtext, does not fit, or decodes to a control character (NUL, CR
 * and LF above all); *n = length. Bytes above 127 are passed on when utf8 is set (RFC 6533).
 */
int xtext_decode(struct str in, bool utf8, char *out, size_t size, size_t *n);
int xtext_encode(struct buf *b, struct str s); /* -1 past the buffer's maximum */

#endif
