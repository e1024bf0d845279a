/* What tls_key.c, tls_context.c, tls_client.c, tls_peer.c and tls.c share, and conn.c drives. */
#ifndef NET_TLS_INTERNAL_H
#define NET_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "base/buf.h"
#include "tls.h"

/* --- tls_key.c: keys of which this process has the public half ------------------------------- */

/* Makes the provider known in the library context of tls_library(). */
void tls_key_open(OSSL_LIB_CTX *library);
/* The key of that certificate, whose private operations go to the signer; NULL on failure. */
EVP_PKEY *tls_key_new(X509 *certificate, uint64_t id);

/* --- tls_schedule.c: secrets of TLS 1.3 ------------------------------------------------------ */

/* Once, before the first handshake. */
void tls_schedule_open(OSSL_LIB_CTX *library);
extern const OSSL_DISPATCH tls_schedule_functions[];

/* --- tls_context.c ---------------------------------------------------------------------------- */

OSSL_LIB_CTX *tls_library(void);
SSL *tls_context_ssl(struct tls_context *c);

/* A certificate with what it takes to use it. */
struct tls_host {
	X509 *certificate;
	STACK_OF(X509) * chain; /* without the first */
	EVP_PKEY *key; /* signs by the signer */
	uint8_t kind; /* of key */
};
/* False when it is malformed, or no handshake could use it; to be cleared in any case. */
bool tls_host_load(struct tls_host *h, const struct tls_certificate *from);
void tls_host_clear(struct tls_host *h); /* safe on zeroed memory */

/* Of both sides. */
#define TLS_GROUPS "X25519:P-256:P-384"
#define TLS_SIGNATURES                                                                             \
	"ECDSA+SHA256:ed25519:ECDSA+SHA384:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:"          \
	"RSA+SHA256:RSA+SHA384:RSA+SHA512"

/* --- tls_client.c ----------------------------------------------------------------------------- */

/* What its sessions are kept under: a hash of all of struct tls_server. */
enum { TLS_SESSION_KEY = 32 };
SSL *tls_client_ssl(
    struct tls_client *c, const struct tls_server *to, uint8_t session[TLS_SESSION_KEY]);
/* The session of that key is of no use. */
void tls_client_forget(struct tls_client *c, const uint8_t key[TLS_SESSION_KEY]);
/* Its handshakes may have something to sign. */
bool tls_client_signs(const struct tls_client *c);
/* Fills in what the certificate of the server tells. facts->dane is set already. */
void tls_client_judge(SSL *ssl, const char *names, struct tls_facts *facts);

/* --- tls_peer.c: the certificates of clients -------------------------------------------------- */

/* What that policy asks of clients; for each context of a server. */
void tls_peer_ask(SSL_CTX *x, const struct tls_policy *p);
/* Fills in what the client has shown. */
void tls_peer_judge(SSL *ssl, struct tls_facts *facts);
void tls_peer_forget(struct tls_facts *facts);
/* SHA-256 of the certificate, or of its key alone (SubjectPublicKeyInfo). */
bool tls_fingerprint(X509 *x, bool key, uint8_t out[TLS_FINGERPRINT]);

/* --- tls.c ------------------------------------------------------------------------------------ */

/* Asks the signer from inside of a handshake, which rests until it has the answer. */
struct str tls_sign_now(struct tls_sign *s);

enum tls_step { TLS_SECURE, TLS_WANTS_READ, TLS_WANTS_WRITE, TLS_RESTS, TLS_FAILED };

struct tls;
/*
 * ahead: read from fd already, is moved from there. begins: the client has probably spoken. wake(arg): the
 * handshake, which rested, can go on.
 */
struct tls *tls_accept(
    struct tls_context *c, int fd, struct buf *ahead, bool begins, void (*wake)(void *), void *arg);
/* As a client, which speaks first. c must outlive it; the strings are copied. wake as above. */
struct tls *tls_connect(
    struct tls_client *c, const struct tls_server *to, int fd, void (*wake)(void *), void *arg);
/* Of such a one: what its session is kept under. */
const uint8_t *tls_session_key(const struct tls *t);
/* Is it worth while to begin before the socket says that there is something to read? */
bool tls_begins(const struct tls *t);
void tls_free(struct tls *t);
enum tls_step tls_handshake(struct tls *t);
/*
 * As recv(2) and send(2): -1 with EAGAIN when the socket has to become ready first (for writing if
 * tls_wants_write()), EPROTO when the peer broke the protocol.
 */
ssize_t tls_read(struct tls *t, void *to, size_t n);
ssize_t tls_write(struct tls *t, const void *from, size_t n);
bool tls_wants_write(const struct tls *t);
/* There may be input that the socket will not announce. */
bool tls_pending(const struct tls *t);
/* Tells the peer that nothing more comes. */
void tls_goodbye(struct tls *t);
const struct tls_facts *tls_facts(const struct tls *t);
/* Why it failed, for the log. */
const char *tls_why(const struct tls *t);
/* RFC 9266: 32 bytes. -1 where the version has none that is safe. */
int tls_exporter(struct tls *t, uint8_t out[32]);

#endif
