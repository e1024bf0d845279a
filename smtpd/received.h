/* The trace field that smtpd puts on top of a message: RFC 5321 4.4. */
#ifndef SMTPD_RECEIVED_H
#define SMTPD_RECEIVED_H

#include "base/buf.h"
#include "mail/envelope.h"

/*
 * Appends the field with its CRLF. host is our name; with one recipient, it is named. hidden: nothing
 * of where the client is. tls: how the message came (RFC 8314 4.3), NULL = in plain text.
 */
struct tls_facts;
void received_field(struct buf *b, const struct envelope *e, const char *host, uint64_t queue_id,
    const struct tls_facts *tls, bool hidden);

#endif
