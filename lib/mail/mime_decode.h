/*
 * What stands behind encodings, for searching: transfer encodings (RFC 2045 6), encoded words
 * (RFC 2047) and charsets, all to UTF-8. Never fails: what cannot be decoded stays as it is.
 */
#ifndef MAIL_MIME_DECODE_H
#define MAIL_MIME_DECODE_H

#include "base/buf.h"
#include "base/str.h"

enum mime_encoding { MIME_IDENTITY, MIME_QP, MIME_BASE64 };
/* By name, in any case; MIME_IDENTITY for what is not known. */
enum mime_encoding mime_encoding_find(struct str name);

/* State of one body between its pieces. */
struct mime_decoder {
	enum mime_encoding encoding;
	unsigned bits, nbits; /* base64 */
	bool done; /* base64: padding was seen */
	char pending[3]; /* quoted-printable: '=' and what came behind it */
	unsigned npending;
};
void mime_decode_init(struct mime_decoder *d, enum mime_encoding e);
/* Appends what s gives; what does not fit into out is lost. */
void mime_decode(struct mime_decoder *d, struct str s, struct buf *out);

struct charset;
/* NULL for UTF-8, US-ASCII and what is not known: bytes stay as they are. */
const struct charset *charset_find(struct str name);
void charset_to_utf8(const struct charset *c, struct str s, struct buf *out);

/* An unstructured field or a phrase with its encoded words decoded. */
void mime_decode_words(struct str s, struct buf *out);

/*
 * Folds case, as far as one character becomes one character. A UTF-8 sequence that s ends within
 * is left out: the return value is how many bytes were used.
 */
size_t utf8_fold(struct str s, struct buf *out);

#endif
