/* MAIL and RCPT with the parameters that the server understands. */
#ifndef REMOTE_COMMAND_H
#define REMOTE_COMMAND_H

#include "base/buf.h"
#include "caps.h"
#include "proto/deliver.h"

struct mail_needs {
	bool eightbit, utf8; /* of the message: what BODY= and SMTPUTF8 announce */
	bool requiretls; /* demanded, and kept so far */
	bool auth; /* we have logged in */
	uint64_t size; /* 0 = not known */
};

/* Append one command with its CRLF. -1 past the maximum of b, or when an address is no address. */
int command_mail(
    struct buf *b, const struct deliver_job *j, const struct caps *c, const struct mail_needs *n);
int command_rcpt(struct buf *b, const struct deliver_rcpt *r, const struct caps *c);

#endif
