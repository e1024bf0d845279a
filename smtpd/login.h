/* AUTH (RFC 4954), on submission: who is it? */
#ifndef SMTPD_LOGIN_H
#define SMTPD_LOGIN_H

#include "base/buf.h"
#include "session.h"

int login_on_mechanisms(struct chan *c, struct ipc_msg *m); /* row of SASL_MECHANISMS */

/* Appends the line of an EHLO reply that says how this client may log in, if it may. */
void login_offer(const struct session *s, struct buf *out);
/* The client has gone: sasl need not go on. */
void login_cancel(struct session *s);

#endif
