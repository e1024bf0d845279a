/*
 * TLS towards other hosts: what a next hop's policy wants of a connection, and whether the server
 * that is at the other end may have the mail. The dialogue is session.c's.
 */
#ifndef REMOTE_STARTTLS_H
#define REMOTE_STARTTLS_H

#include "mail/status.h"
#include "net/conn.h"
#include "proto/conf.h"
#include "proto/deliver.h"
#include "tlspolicy.h"

/* Reads the trust anchors: before confinement. */
void starttls_open(const struct conf *c);

struct starttls_peer {
	const struct tlspolicy *policy;
	struct str host; /* by its name, or its numeric address if the next hop is one */
	const char *nexthop; /* the same of the next hop */
	const char *relay; /* "host[192.0.2.1]:25" */
};

/* Begins the handshake; -1 when there is input already, which nobody may have sent in plain text.
 */
int starttls_begin(struct conn *c, const struct starttls_peer *p);

/* After it: 0, or -1 with the failure when this is not whom the policy wants. */
int starttls_check(const struct conn *c, const struct starttls_peer *p, struct status *st);

/* What is known of it, for the log: "TLSv1.3 TLS_AES_256_GCM_SHA384 X25519 verified"; "" = plain.
 */
void starttls_text(const struct conn *c, const struct starttls_peer *p, char out[RESULT_TLS_MAX]);

#endif
