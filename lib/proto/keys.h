/*
 * services/keys and those who need signatures: of handshakes smtpd, imapd-login and deliver-remote, of
 * mail policy. keys publishes certificates, keys of DKIM and those of session tickets, and signs;
 * private keys stay where they are.
 *
 * KEYS_BEGIN, KEYS_CERTIFICATE..., [KEYS_CLIENT_CA], KEYS_DKIM..., KEYS_COMPLETE (notices, keys ->
 * peer): all that this peer may use, again whenever something changes; KEYS_CLIENT_CA: whose client
 * certificates are trusted. KEYS_TICKETS (notice): what seals the session tickets of this service
 * from now on. KEYS_SIGN (request, peer -> keys): struct keys_question -> {str signature}, empty =
 * refused. KEYS_DKIM_SIGN (request, policy -> keys): struct keys_dkim_question -> the same.
 */
#ifndef PROTO_KEYS_H
#define PROTO_KEYS_H

#include "base/ipc.h"
#include "mail/dkim.h"
#include "net/tls.h"

enum {
	KEYS_NAME_MAX = 64, /* title of a "certificate" section */
	KEYS_CERTIFICATES = 64, /* sections */
	KEYS_CHAIN_BYTES = 48 * 1024,
	KEYS_ANCHORS = 64, /* certificates of tls_client_ca, of KEYS_CHAIN_BYTES in all */
	KEYS_ANCHOR_FILES = 16,
	KEYS_DKIM_KEYS = 16, /* "dkim" sections */
	KEYS_SIGNATURE_MAX = TLS_SIGNATURE_MAX, /* bytes of any signature */
};

/* The id of a key is a hash of its public half: the same after a restart, and for a new
 * certificate. */
struct keys_certificate {
	struct str name; /* title of its section */
	struct tls_certificate certificate;
};
void put_keys_certificate(struct put *w, const struct keys_certificate *c);
int get_keys_certificate(struct get *g, struct keys_certificate *c); /* borrows from the packet */

void put_keys_anchors(struct put *w, const struct str *der, size_t n);
int get_keys_anchors(
    struct get *g, struct str der[KEYS_ANCHORS], size_t *n); /* borrows from the packet */

void put_keys_tickets(struct put *w, const struct tls_ticket_key *keys, size_t n);
int get_keys_tickets(struct get *g, struct tls_ticket_key keys[TLS_TICKET_KEYS], size_t *n);

struct keys_question {
	uint64_t key;
	uint16_t scheme; /* enum tls_scheme */
	struct str text; /* the text that a handshake signs, whole */
};
void put_keys_question(struct put *w, const struct keys_question *q);
int get_keys_question(struct get *g, struct keys_question *q);

struct keys_dkim {
	uint64_t id; /* a hash of its public half */
	struct dkim_key key;
};
void put_keys_dkim(struct put *w, const struct keys_dkim *k);
int get_keys_dkim(struct get *g, struct keys_dkim *k); /* borrows from the packet */

struct keys_dkim_question {
	uint64_t id;
	struct str text; /* of dkim_text(), whole */
};
void put_keys_dkim_question(struct put *w, const struct keys_dkim_question *q);
int get_keys_dkim_question(struct get *g, struct keys_dkim_question *q);

#endif
