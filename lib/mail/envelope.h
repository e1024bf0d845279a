/*
 * The envelope of one message as smtpd accepts it and the queue keeps it. Fixed fields and
 * length-prefixed strings only; nothing that a peer says can become structure.
 */
#ifndef MAIL_ENVELOPE_H
#define MAIL_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/ipc.h"
#include "base/str.h"
#include "mail/action.h"

enum {
	ADDRESS_MAX = 320, /* local part 64, @, domain 255: RFC 5321 4.5.3.1 */
	ENVID_MAX = 100, /* RFC 3461 4.4, decoded */
	MARKS_MAX = 1000,
	ORCPT_MAX = 500, /* "rfc822;" and the xtext-decoded address */
	ENVELOPE_RCPTS = 1000 /* recipients of one transaction */
};

/* NOTIFY, RFC 3461 4.1; 0 = not given (failure and delay) */
enum { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };
enum dsn_ret { RET_UNSET, RET_FULL, RET_HDRS };
/* RFC 8689: REQUIRETLS with MAIL; the header field "TLS-Required: No", which counts only without it */
enum tls_demand { TLS_BY_POLICY, TLS_REQUIRED, TLS_WAIVED, TLS_DEMANDS };

struct envelope_rcpt {
	struct str addr; /* local@domain in canonical form (mail/address.h), no brackets */
	struct str orcpt; /* as given, "rfc822;user@example.org"; empty = none */
	uint8_t notify;
};

struct envelope {
	uint64_t trace;
	int64_t arrival; /* microseconds since 1970 */
	struct str sender; /* empty = <> */
	int64_t release; /* FUTURERELEASE: seconds since 1970, not before; 0 = at once */
	uint32_t hold_for; /* how it was asked for: so many seconds, or 0 = until that time */
	uint8_t ret; /* enum dsn_ret */
	bool eightbit; /* BODY=8BITMIME */
	bool utf8; /* SMTPUTF8 was asked for */
	uint8_t tls; /* enum tls_demand */
	struct str envid; /* empty = none */
	struct str client; /* address of the client, "192.0.2.1", "2001:db8::1", "local" */
	struct str helo;
	struct str login; /* authenticated as; or the user name at the local socket; empty = none */
	struct str protocol; /* SMTP, ESMTP, ESMTPS, LMTP, ... (RFC 3848) */
	/* not kept with the message: what its lane is decided by */
	struct str listener; /* title of the listener; empty = it was made here */
	struct str marks; /* of its header, "precedence:bulk list-id:<a.example>" (smtpd/marks.h) */
	struct action *actions; /* what rules want done with it; no ACTION_PREPEND */
	uint32_t nactions;
	struct envelope_rcpt *rcpts;
	uint32_t nrcpts;
};

void put_envelope(struct put *w, const struct envelope *e);
/* Strings are copied into a. 0, or -1 when malformed. */
int get_envelope(struct get *g, struct arena *a, struct envelope *e);

#endif
