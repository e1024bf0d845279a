/*
 * Logins: what the servers that hold a client's connection (imapd/login, smtpd) ask services/sasl.
 * The asker does line framing and base64 and knows the connection; all of SASL (RFC 4422) is behind
 * this.
 *
 *	SASL_MECHANISMS (notice, sasl -> asker): what may be offered; a new one replaces the old
 *	SASL_START, SASL_MORE (requests, asker -> sasl), each answered by a SASL_ANSWER
 *	SASL_CANCEL (notice, asker -> sasl): {u64 id}: the client has given up, or is gone
 *
 * An exchange ends with any verdict but SASL_CONTINUE, or with SASL_CANCEL.
 */
#ifndef PROTO_SASL_H
#define PROTO_SASL_H

#include "base/buf.h"
#include "base/ipc.h"
#include "mail/status.h"
#include "proto/auth.h"

enum {
	SASL_LINE_MAX = 12 * 1024, /* characters of base64 in one message of a client, RFC 4954 4 */
	SASL_MESSAGE_MAX = SASL_LINE_MAX / 4 * 3,
	SASL_EXPORTER_BYTES = 32, /* of the tls-exporter channel binding, RFC 9266 2 */
	SASL_NAMES_MAX = 16,
	SASL_DEADLINE = 60 * 1000, /* ms that an asker should wait for an answer */
};

/* Where a mechanism may be offered, and what it needs of the connection. */
enum {
	SASL_NEEDS_SECURE = 1, /* encryption, or a connection from this host */
	SASL_NEEDS_EXPORTER = 2, /* it binds to the TLS channel */
	SASL_NEEDS_CERTIFICATE = 4, /* the client has shown a certificate that was verified */
};

/* What that mechanism (of any case) needs of a connection; -1: the suite does not know it. */
int sasl_needs(struct str name);

struct sasl_names {
	unsigned n;
	struct {
		char name[SASL_NAME_MAX + 1];
		uint8_t needs;
	} rows[SASL_NAMES_MAX];
};
void put_sasl_names(struct put *w, const struct sasl_names *s);
int get_sasl_names(struct get *g, struct sasl_names *s); /* copies */
/*
 * Appends those that a connection with these properties (SASL_NEEDS_*) can use, each with a blank
 * and prefix ("AUTH=" or "") before it.
 */
bool sasl_names_have(const struct sasl_names *s, unsigned has, struct str name);
void sasl_names_print(
    const struct sasl_names *s, unsigned has, const char *prefix, struct buf *out);

struct sasl_start {
	uint64_t trace;
	uint64_t id; /* the asker's own, of no other exchange that is under way */
	struct str service; /* "imap", "smtp"; not in the packet: sasl knows who asks */
	struct str client; /* numeric address */
	struct str mechanism; /* as the client said it, of any case */
	bool has_initial;
	struct str initial;
	bool secure;
	struct str exporter; /* SASL_EXPORTER_BYTES, or empty */
	struct str certificate; /* the account that a verified client certificate names, or empty */
};
void put_sasl_start(struct put *w, const struct sasl_start *s);
int get_sasl_start(struct get *g, struct sasl_start *s);

struct sasl_more {
	uint64_t id;
	struct str data;
};
void put_sasl_more(struct put *w, const struct sasl_more *s);
int get_sasl_more(struct get *g, struct sasl_more *s);

enum sasl_verdict {
	SASL_CONTINUE, /* data is the next challenge */
	/*
	 * It is `login`. With data (RFC 4422 5, "additional data with success"): neither IMAP nor SMTP
	 * can say that together with the good news, so the asker sends it as a challenge, and the
	 * good news when the client has answered nothing; whatever else it says is malformed.
	 */
	SASL_OK,
	SASL_REFUSED, /* for good; the asker makes all of them take the same time */
	SASL_LATER, /* it cannot be found out now */
	SASL_MALFORMED, /* the client has broken the mechanism's rules */
	SASL_UNKNOWN_MECHANISM, /* or one that is not offered on such a connection */
	SASL_VERDICTS
};
struct sasl_answer {
	uint8_t verdict;
	struct str data;
	struct str login; /* canonical account, when OK */
	struct status
	    status; /* what SMTP says (RFC 4954 6), unless CONTINUE; the text fits IMAP as well */
	uint8_t nonce[NONCE_BYTES]; /* of the grant, when OK and the service is "imap" */
};
void put_sasl_answer(struct put *w, const struct sasl_answer *a);
int get_sasl_answer(struct get *g, struct sasl_answer *a);

#endif
