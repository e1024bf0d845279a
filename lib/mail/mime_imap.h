/*
 * What IMAP says about a message: strings, ENVELOPE, BODY and BODYSTRUCTURE (RFC 3501 7.4.2, 9).
 */
#ifndef MAIL_MIME_IMAP_H
#define MAIL_MIME_IMAP_H

#include "base/buf.h"
#include "mail/mime.h"

/* A string: quoted when it may be, else a literal; a NUL inside becomes 0x80 (it has no form). */
void imap_put_string(struct buf *b, struct str s);
/* The same; NIL when s.p is NULL. */
void imap_put_nstring(struct buf *b, struct str s);
/* An astring: an atom where that is allowed (mailbox names in LIST and STATUS). */
void imap_put_astring(struct buf *b, struct str s);

/* "(...)" of the message that starts at part p, which must have an envelope. */
void imap_put_envelope(struct buf *b, const struct mime *m, uint32_t p);
/* "(...)" of the whole message; ext adds the extension data, which makes it a BODYSTRUCTURE. */
void imap_put_body(struct buf *b, const struct mime *m, bool ext);

#endif
