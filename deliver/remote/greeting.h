/*
 * From the first byte of a connection until the server can be given mail: its greeting, EHLO, HELO
 * or LHLO, and TLS as the policy of the next hop wants it (RFC 3207, RFC 8314). Then the session is
 * S_READY, or it has failed.
 */
#ifndef REMOTE_GREETING_H
#define REMOTE_GREETING_H

#include "session.h"
#include "transaction.h"

/* It is connected. */
void greeting_begin(struct session *s);
/* The handshake is done. */
void greeting_secured(struct session *s);
/*
 * The connection has ended, with that status: is it TLS that does not work, and may it be tried in
 * plain text? (The address is remembered then.)
 */
bool greeting_plain_instead(struct session *s, const struct status *st);

/* Replies to its commands. */
transaction_fn greeting_220, greeting_ehlo, greeting_helo, greeting_starttls;

#endif
