/*
 * Mail transactions on a session that is ready: RSET, MAIL, RCPT, DATA or BDAT, and what the
 * answers mean for the recipients. With PIPELINING, MAIL to DATA go out in one write; nothing is
 * sent behind the end of a message before its answer is there.
 */
#ifndef REMOTE_TRANSACTION_H
#define REMOTE_TRANSACTION_H

#include "session.h"

/*
 * Begins one for the recipients of s->job that are pending. Ends at once,
 * with them settled, when the server cannot take the message: then s is still S_READY.
 */
void transaction_begin(struct session *s);
/* Writes what may be written now. */
void transaction_pump(struct session *s);
/* Everything queued so far has left. */
void transaction_drained(struct session *s);

/* A reply to one of its commands. */
typedef void transaction_fn(struct session *s, const struct reply *r, uint32_t rcpt);
transaction_fn transaction_rset, transaction_mail, transaction_rcpt, transaction_data,
    transaction_chunk, transaction_final;

#endif
