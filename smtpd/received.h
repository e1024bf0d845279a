/* The trace field that smtpd puts on top of a message: RFC 5321 4.4. */
#ifndef SMTPD_RECEIVED_H
#define SMTPD_RECEIVED_H

#include "base/buf.h"
#include "mail/envelope.h"

/* What the envelope does not say. */
struct tls_facts;
struct received {
	const char *host; /* our name */
	const char *name; /* the client's, confirmed by DNS; NULL = not known */
	uint64_t queue_id;
	const struct tls_facts *tls; /* how the message came (RFC 8314 4.3); NULL = in plain text */
	bool hidden; /* nothing of where the client is */
};

/* Appends the field with its CRLF; with one recipient, it is named. */
void received_field(struct buf *b, const struct envelope *e, const struct received *r);

#endif
