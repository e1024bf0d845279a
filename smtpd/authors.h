/*
 * In whose name a message is sent: the addresses in its From and Sender fields (RFC 5322 3.6.2),
 * read as they stream through. Strict: where two readers could see two different addresses, the
 * message is refused.
 */
#ifndef SMTPD_AUTHORS_H
#define SMTPD_AUTHORS_H

#include "base/arena.h"
#include "base/buf.h"
#include "mail/status.h"
#include "proto/lookup.h"

enum author_field { AUTHOR_FROM, AUTHOR_SENDER, AUTHOR_FIELDS };

struct authors {
	struct buf value; /* of the field at hand */
	unsigned field; /* which that is; AUTHOR_FIELDS = none of ours */
	bool seen[AUTHOR_FIELDS];
	uint32_t nfrom; /* addresses in From; the others are those in Sender */
	uint32_t n;
	struct str addresses[SENDERS_MAX]; /* canonical */
	struct status fault; /* code 0 = none: why the message cannot be taken */
};

void authors_start(struct authors *a);
void authors_clear(struct authors *a);
/* A field begins, a part of its value, the header has ended. Addresses are kept in m. */
void authors_field(struct authors *a, struct arena *m, struct str name);
void authors_value(struct authors *a, struct str piece);
void authors_end(struct authors *a, struct arena *m);

#endif
