/*
 * From a connection to its greeting: who the client is (by the header of a proxy, if one is listed), TLS where it is
 * spoken from the first byte, limits of the client, rules for it, and what is said first. session.c calls it.
 */
#ifndef SMTPD_WELCOME_H
#define SMTPD_WELCOME_H

#include "session.h"

/* Who it is, is known. Where TLS is spoken from the first byte, the handshake comes before all else. */
void welcome_begin(struct session *s);
/*
 * The handshake, once the line before it has been taken out of the input. Where it comes first, what
 * stands behind the header of a proxy is the beginning of it; what stands behind STARTTLS ended the
 * session (command.c).
 */
void welcome_tls(struct session *s, bool first);
/* The client is known (again): limits, access rules, greeting. */
void welcome_admit(struct session *s);
/* An event of the connection: the handshake is over. */
void welcome_secured(struct conn *c);

#endif
