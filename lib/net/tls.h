/*
 * TLS for the connections of conn.h, by OpenSSL: versions 1.2 and 1.3, key exchange by X25519,
 * P-256 or P-384; no compression, no renegotiation, no openssl.cnf. Servers use authenticated
 * encryption only; clients, as a last choice, also what older servers have (tls_client.c).
 *
 * The private keys of a server are in another process. What a handshake has to sign goes to the signer with the
 * id of the key; meanwhile that handshake rests, and the event loop serves others.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/chan.h"
#include "base/str.h"

/* Before confinement: everything that the library sets up at first use. Ends the process if it
 * cannot. */
void tls_open(void);

/* --- signatures ------------------------------------------------------------------------------ */

/* SignatureScheme, RFC 8446 4.2.3; in TLS 1.2 those of ECDSA do not name a curve (RFC 8422 5.1.1).
 */
enum tls_scheme {
	TLS_RSA_PKCS1_SHA256 = 0x0401,
	TLS_RSA_PKCS1_SHA384 = 0x0501,
	TLS_RSA_PKCS1_SHA512 = 0x0601,
	TLS_ECDSA_SHA256 = 0x0403,
	TLS_ECDSA_SHA384 = 0x0503,
	TLS_RSA_PSS_SHA256 = 0x0804,
	TLS_RSA_PSS_SHA384 = 0x0805,
	TLS_RSA_PSS_SHA512 = 0x0806,
	TLS_ED25519 = 0x0807,
};

enum {
	TLS_SIGNATURE_MAX = 1024, /* bytes: RSA keys of up to 8192 bits */
	TLS_WAITING_MAX = 512, /* handshakes of a process that rest for a signature */
	TLS_TEXT_MAX = 256, /* bytes of what is signed: the text of a handshake, not its hash */
};

/* One signature under way; made and freed by tls.c. */
struct tls_sign {
	uint64_t key; /* the id that came with the certificate */
	uint16_t scheme; /* enum tls_scheme */
	struct str text; /* to be hashed and signed */
	struct ask ask; /* for the signer's use */
	bool done; /* tls_signed() has been called */
	size_t n;
	uint8_t signature[TLS_SIGNATURE_MAX];
	struct tls *of;
};

/*
 * sign() begins; the answer is given by tls_signed(), once, from the loop and not from within
 * sign(); unless cancel() comes before it. There is always an answer: the signer has a deadline.
 */
struct tls_signer {
	void (*sign)(struct tls_sign *s);
	void (*cancel)(struct tls_sign *s);
};
void tls_set_signer(const struct tls_signer *signer);
/* Empty: there is no signature, and the handshake fails. */
void tls_signed(struct tls_sign *s, struct str signature);

/* --- contexts -------------------------------------------------------------------------------- */

enum { TLS_CERTIFICATES = 32, TLS_CHAIN = 10 }; /* per context; certificates in a chain */

struct tls_certificate {
	uint64_t key; /* id for the signer */
	unsigned n;
	struct str chain[TLS_CHAIN]; /* DER, the host's own first */
};

/* Whether a client is to show a certificate. */
enum tls_ask {
	TLS_ASK_NOT,
	TLS_ASK, /* it may have none, or any: the facts tell */
	TLS_REQUIRE, /* without one that leads to an anchor the handshake fails */
};

struct tls_policy {
	const char *alpn; /* RFC 7301 name of the protocol; who offers only others is refused */
	bool tickets; /* sessions can be resumed (tls_set_tickets) */
	bool only_13; /* not TLS 1.2 */
	enum tls_ask ask;
	const struct str
	    *anchors; /* DER; who vouches for clients. Not needed after tls_context_new() */
	size_t nanchors;
};

/*
 * A server's side. Among the certificates that have the name asked for, the kind of key decides
 * what is used; without a name, or for a name that none has, the first of each kind of key serves.
 * NULL when a certificate is malformed (*bad is its index) or there is none.
 */
struct tls_context;
struct tls_context *tls_context_new(const struct tls_policy *policy,
    const struct tls_certificate *certificates, size_t n, size_t *bad);
struct tls_context *tls_context_ref(struct tls_context *c);
void tls_context_free(struct tls_context *c); /* connections that use it go on; NULL is fine */

/*
 * What session tickets are sealed with (RFC 5077 4): the first makes new ones, the others still
 * open old ones. For all contexts of the process; shared by the workers of one service.
 */
struct tls_ticket_key {
	uint8_t name[16], cipher[32], mac[32];
};
enum { TLS_TICKET_KEYS = 3, TLS_TICKET_HOURS = 1 }; /* each is the first for so long */
void tls_set_tickets(const struct tls_ticket_key *keys, size_t n);

/*
 * The client's side. anchors: the certificates that are trusted, in PEM; the text stays as it is until
 * tls_client_trust() takes it apart, which the owner calls before the first connection: a process that speaks to
 * nobody is spared some 40 ms for the usual authorities. Without any, no server is verified.
 */
struct tls_client;
struct tls_client *tls_client_new(struct str anchors);
/* How many anchors there are; what stands behind something unreadable does not count. */
size_t tls_client_trust(struct tls_client *c);
/*
 * From now on, that certificate is shown to servers that ask for one (NULL: none is), in TLS 1.3: in earlier versions it
 * goes over the line in clear text, and what is signed is no text that a signer could tell. -1 when it is malformed;
 * then none is.
 */
int tls_client_show(struct tls_client *c, const struct tls_certificate *certificate);
void tls_client_free(struct tls_client *c); /* no connection may use it; NULL is fine */

/* RFC 7218: usages, selectors, matching types */
enum { TLSA_TA = 2, TLSA_EE = 3 };
enum { TLSA_CERTIFICATE = 0, TLSA_KEY = 1 };
enum { TLSA_FULL = 0, TLSA_SHA256 = 1, TLSA_SHA512 = 2 };

/* A TLSA record (RFC 6698): what a server's certificate is, or who issued it. */
struct tls_association {
	uint8_t usage, selector, matching;
	struct str data;
};
/* Can it be matched with a mail server (RFC 7672 3.1: usages 2 and 3 alone)? */
bool tls_association_usable(struct tls_client *c, const struct tls_association *a);

/*
 * Whom a client wants to speak to. A session is resumed only where all of this is the same.
 */
struct tls_server {
	const char *host; /* name, for SNI (RFC 6066 3), or numeric address */
	/* one of these the certificate must have (RFC 9525), with blanks between; ".example.org" =
	 * any below it */
	const char *names;
	const char *session; /* whatever else a session is bound to: address, policy */
	/* with any, they decide who is trusted in place of the trust anchors; names matter to
	 * usage 2 alone (RFC 7671 5.1), and host is the TLSA base domain */
	const struct tls_association *dane;
	size_t ndane;
};

/* --- one connection -------------------------------------------------------------------------- */

enum { TLS_FINGERPRINT = 32, TLS_PEER_NAME = 255 };

/* What is wrong with a server's certificate. */
enum tls_fault { TLS_FAULT_NONE, TLS_FAULT_CHAIN, TLS_FAULT_EXPIRED, TLS_FAULT_NAME };

struct tls_facts {
	const char *version; /* "TLSv1.3" */
	const char *cipher; /* IANA's name: "TLS_AES_256_GCM_SHA384" */
	const char *group; /* "X25519", "P-256", "P-384" */
	unsigned bits; /* of the cipher */
	bool resumed;
	char *name; /* asked for by SNI, or NULL */
	/* of the other side's certificate */
	bool trusted; /* its chain leads to a trust anchor, and all of it is valid now */
	const char *distrust; /* what is missing; NULL: nothing, or a client has shown none */
	uint8_t fingerprint[TLS_FINGERPRINT]; /* SHA-256 of its SubjectPublicKeyInfo */
	/* of a server's */
	bool dane; /* TLSA records were what it was measured by */
	bool named; /* it has one of the names that were wanted */
	uint8_t fault; /* enum tls_fault: of what kind distrust is */
	/* of a client's */
	bool shown;
	uint8_t certificate[TLS_FINGERPRINT]; /* SHA-256 of all of it */
	char *peer; /* its mail address, else its common name; NULL = neither */
	char *subject, *issuer; /* as in RFC 2253 */
};

#endif
