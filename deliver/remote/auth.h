/*
 * Logging in at a server (RFC 4954), between EHLO and the first message; for sessions of a next hop where mail
 * does. It ends with S_READY or with the session's failure: there is no way past it.
 */
#ifndef REMOTE_AUTH_H
#define REMOTE_AUTH_H

#include "session.h"

/* The connection is as safe as it gets, and EHLO was answered on it. */
void auth_begin(struct session *s);
/* The answer to a command or message of it (STEP_AUTH). */
void auth_answer(struct session *s, const struct reply *r, uint32_t rcpt);
/* One line of such an answer, behind its code; looked at when it is complete. */
void auth_line(struct session *s, struct str line);
/* Overwrites what there is of it; safe at any time. */
void auth_clear(struct session *s);

/* May a password go there without TLS? By setting, to ourselves alone. */
bool auth_plain_allowed(const struct ip *ip);

#endif
