/*
 * The client's side of TLS: trust anchors, what a handshake offers, sessions that can be resumed,
 * and what is to be thought of the certificate of a server. See tls.h.
 *
 * No certificate ends a handshake: who is to be spoken to is the owner's to judge, by the facts.
 * Sessions are kept in a table with one place per hash, so that servers cannot make it grow.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/siphash.h"
#include "tls_internal.h"

enum {
	SERVER_CHAIN = 64 * 1024, /* bytes of a server's certificates */
	SESSION_PLACES = 1024,
	SESSION_SECONDS = 3600,
};

/*
 * A server that has nothing better is still better off than in plain text (RFC 7435 3): so, behind
 * what listeners offer, finite-field Diffie-Hellman and CBC.
 */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES:@SECLEVEL=2"

struct place {
	uint8_t key[TLS_SESSION_KEY];
	SSL_SESSION *session; /* NULL: none */
};

struct tls_client {
	SSL_CTX *ctx;
	struct str anchors; /* that have not been taken apart yet */
	size_t nanchors;
	EVP_MD *sha256, *sha512;
	struct tls_host host; /* what is shown; no certificate = nothing */
	uint64_t secret[2]; /* servers must not choose the place */
	struct place places[SESSION_PLACES];
};

/* --- sessions --------------------------------------------------------------------------------- */

static struct place *place_of(struct tls_client *c, const uint8_t *key)
{
	return &c->places[siphash(c->secret, str_bytes(key, TLS_SESSION_KEY)) % SESSION_PLACES];
}

static bool place_holds(const struct place *p, const uint8_t *key)
{
	return p->session != NULL && memcmp(p->key, key, TLS_SESSION_KEY) == 0;
}

static void place_clear(struct place *p)
{
	SSL_SESSION_free(p->session);
	*p = (struct place){ .session = NULL };
}

/* SSL_CTX_sess_set_new_cb(3): 1 = the session is ours to free. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_client *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const uint8_t *key = tls_session_key(SSL_get_app_data(ssl));
	struct place *p;

	if (SSL_SESSION_is_resumable(session) != 1)
		return 0;
	p = place_of(c, key);
	place_clear(p);
	p->session = session;
	memcpy(p->key, key, sizeof p->key);
	return 1;
}

void tls_client_forget(struct tls_client *c, const uint8_t key[TLS_SESSION_KEY])
{
	struct place *p = place_of(c, key);

	if (place_holds(p, key))
		place_clear(p);
}

/* A ticket of TLS 1.3 is used once (RFC 8446 C.4). */
static void resume(struct tls_client *c, SSL *ssl, const uint8_t *key)
{
	struct place *p = place_of(c, key);

	if (!place_holds(p, key))
		return;
	SSL_set_session(ssl, p->session);
	if (SSL_SESSION_get_protocol_version(p->session) >= TLS1_3_VERSION)
		place_clear(p);
}

/* --- our certificate -------------------------------------------------------------------------- */

/* SSL_CTX_set_cert_cb(3): the server asks for one. Always 1: without one it may still go on. */
static int on_wanted(SSL *s, void *arg)
{
	const struct tls_client *c = arg;
	const struct tls_host *h = &c->host;

	if (h->certificate != NULL && SSL_version(s) >= TLS1_3_VERSION)
		(void)SSL_use_cert_and_key(s, h->certificate, h->key, h->chain, 1);
	return 1;
}

int tls_client_show(struct tls_client *c, const struct tls_certificate *certificate)
{
	int r = 0;

	tls_host_clear(&c->host);
	if (certificate != NULL && !tls_host_load(&c->host, certificate)) {
		tls_host_clear(&c->host);
		r = -1;
	}
	ERR_clear_error();
	return r;
}

bool tls_client_signs(const struct tls_client *c)
{
	return c->host.certificate != NULL;
}

/* --- the context ------------------------------------------------------------------------------ */

static void set_up(struct tls_client *c)
{
	SSL_CTX *x = c->ctx;

	SSL_CTX_set_app_data(x, c);
	SSL_CTX_set_options(
	    x, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(x, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(x, 1);
	SSL_CTX_set_max_cert_list(x, SERVER_CHAIN);
	SSL_CTX_set_verify(x, SSL_VERIFY_NONE, NULL); /* the verdict is kept all the same */
	SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(x, on_session);
	SSL_CTX_set_cert_cb(x, on_wanted, c);
	SSL_CTX_set_timeout(x, SESSION_SECONDS);
	if (SSL_CTX_set_min_proto_version(x, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(x, CIPHERS) != 1 ||
	    SSL_CTX_set1_groups_list(x, TLS_GROUPS) != 1 ||
	    SSL_CTX_set1_sigalgs_list(x, TLS_SIGNATURES) != 1)
		abort();
}

/* Matching types 1 and 2 by digests of our own library context: the default one stays unused. */
static bool set_up_dane(struct tls_client *c)
{
	return SSL_CTX_dane_enable(c->ctx) == 1 &&
	       SSL_CTX_dane_mtype_set(c->ctx, c->sha256, TLSA_SHA256, 1) == 1 &&
	       SSL_CTX_dane_mtype_set(c->ctx, c->sha512, TLSA_SHA512, 2) == 1;
}

struct tls_client *tls_client_new(struct str anchors)
{
	struct tls_client *c = xcalloc(1, sizeof *c);

	assert(tls_library() != NULL);
	c->ctx = SSL_CTX_new_ex(tls_library(), NULL, TLS_client_method());
	c->sha256 = EVP_MD_fetch(tls_library(), "SHA256", NULL);
	c->sha512 = EVP_MD_fetch(tls_library(), "SHA512", NULL);
	if (c->ctx == NULL || c->sha256 == NULL || c->sha512 == NULL ||
	    RAND_bytes_ex(tls_library(), (void *)c->secret, sizeof c->secret, 0) != 1 ||
	    !set_up_dane(c))
		abort();
	set_up(c);
	c->anchors = anchors;
	return c;
}

/* The next certificate of a text in PEM, or NULL. */
static X509 *next_anchor(BIO *pem)
{
	X509 *x = X509_new_ex(tls_library(), NULL);

	if (x == NULL)
		abort();
	if (PEM_read_bio_X509_AUX(pem, &x, NULL, NULL) != NULL)
		return x;
	X509_free(x);
	return NULL;
}

size_t tls_client_trust(struct tls_client *c)
{
	X509_STORE *store = SSL_CTX_get_cert_store(c->ctx);
	BIO *pem;
	X509 *x;

	if (c->anchors.n == 0)
		return c->nanchors;
	pem = BIO_new_mem_buf(c->anchors.p, (int)c->anchors.n);
	if (pem == NULL)
		abort();
	for (; (x = next_anchor(pem)) != NULL; X509_free(x))
		X509_STORE_add_cert(store, x);
	BIO_free(pem);
	c->anchors = STR_NONE;
	c->nanchors = (size_t)sk_X509_OBJECT_num(X509_STORE_get0_objects(store));
	ERR_clear_error();
	return c->nanchors;
}

void tls_client_free(struct tls_client *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < SESSION_PLACES; i++)
		place_clear(&c->places[i]);
	SSL_CTX_free(c->ctx);
	tls_host_clear(&c->host);
	EVP_MD_free(c->sha256);
	EVP_MD_free(c->sha512);
	free(c);
}

static bool is_address(const char *host)
{
	struct in6_addr a;

	return inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1;
}

/* --- TLSA records (RFC 7672) ------------------------------------------------------------------ */

/* How names are compared: only those of the certificate's extension, a wildcard for a whole label.
 */
enum { NAME_FLAGS = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS };

static bool add_association(SSL *s, const struct tls_association *a)
{
	/* RFC 7672 3.1.3: the usages that need a public authority are of no use with mail */
	return (a->usage == TLSA_TA || a->usage == TLSA_EE) &&
	       SSL_dane_tlsa_add(s, a->usage, a->selector, a->matching,
		   (const unsigned char *)a->data.p, a->data.n) == 1;
}

/* From now on the chain is verified by these records, and so are the names where they matter. */
static void use_dane(SSL *s, const struct tls_server *to)
{
	static const struct tls_association nobody = { TLSA_EE, TLSA_KEY, TLSA_SHA256,
		{ "no key has a hash of this text ", TLS_FINGERPRINT } };
	struct str names = str_of(to->names), word;
	char name[256];
	bool any = false;

	if (SSL_dane_enable(s, to->host) != 1)
		abort();
	SSL_dane_set_flags(s, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	SSL_set_hostflags(s, NAME_FLAGS);
	while (str_word(&names, &word))
		if (str_copy(word, name, sizeof name) == 0 && SSL_add1_host(s, name) != 1)
			abort();
	for (size_t i = 0; i < to->ndane; i++)
		any = add_association(s, &to->dane[i]) || any;
	/* without a record, OpenSSL would go by the trust anchors */
	if (!any && !add_association(s, &nobody))
		abort();
}

bool tls_association_usable(struct tls_client *c, const struct tls_association *a)
{
	SSL *s = SSL_new(c->ctx);
	bool usable;

	if (s == NULL)
		abort();
	usable = SSL_dane_enable(s, "any") == 1 && add_association(s, a);
	SSL_free(s);
	ERR_clear_error();
	return usable;
}

/* --- one connection --------------------------------------------------------------------------- */

static void session_key(
    struct tls_client *c, const struct tls_server *to, uint8_t out[TLS_SESSION_KEY])
{
	const char *texts[] = { to->session, to->host, to->names };
	EVP_MD_CTX *x = EVP_MD_CTX_new();

	if (x == NULL || EVP_DigestInit_ex2(x, c->sha256, NULL) != 1)
		abort();
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		EVP_DigestUpdate(x, texts[i], strlen(texts[i]) + 1);
	for (size_t i = 0; i < to->ndane; i++) {
		const struct tls_association *a = &to->dane[i];
		const uint8_t head[] = { a->usage, a->selector, a->matching,
			(uint8_t)(a->data.n >> 8), (uint8_t)a->data.n };

		EVP_DigestUpdate(x, head, sizeof head);
		EVP_DigestUpdate(x, a->data.p, a->data.n);
	}
	EVP_DigestFinal_ex(x, out, NULL);
	EVP_MD_CTX_free(x);
}

SSL *tls_client_ssl(
    struct tls_client *c, const struct tls_server *to, uint8_t session[TLS_SESSION_KEY])
{
	SSL *s = SSL_new(c->ctx);

	if (s == NULL)
		abort();
	/* RFC 6066 3: no addresses. A name that is too long is the server's to miss. */
	if (!is_address(to->host))
		SSL_set_tlsext_host_name(s, to->host);
	session_key(c, to, session);
	if (to->ndane > 0)
		use_dane(s, to);
	resume(c, s, session);
	ERR_clear_error();
	return s;
}

/* --- the server's certificate ----------------------------------------------------------------- */

/* RFC 9525: the names of the subject alternative names alone, a wildcard for a whole label alone.
 */
static bool has_name(X509 *x, const char *name)
{
	if (is_address(name))
		return X509_check_ip_asc(x, name, 0) == 1;
	return X509_check_host(x, name, 0, NAME_FLAGS, NULL) == 1;
}

static bool has_one_of(X509 *x, struct str names)
{
	struct str word;
	char name[256];

	while (str_word(&names, &word))
		if (str_copy(word, name, sizeof name) == 0 && has_name(x, name))
			return true;
	return false;
}

static enum tls_fault fault_of(long verdict, bool named)
{
	if (verdict == X509_V_ERR_CERT_HAS_EXPIRED)
		return TLS_FAULT_EXPIRED;
	if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || (verdict == X509_V_OK && !named))
		return TLS_FAULT_NAME;
	return verdict == X509_V_OK ? TLS_FAULT_NONE : TLS_FAULT_CHAIN;
}

void tls_client_judge(SSL *ssl, const char *names, struct tls_facts *facts)
{
	X509 *x = SSL_get0_peer_certificate(ssl);
	long verdict = SSL_get_verify_result(ssl);

	if (x == NULL || !tls_fingerprint(x, true, facts->fingerprint)) {
		facts->distrust = "the server has no certificate";
		facts->fault = TLS_FAULT_CHAIN;
		return;
	}
	facts->trusted = verdict == X509_V_OK;
	/* OpenSSL has looked at the names where they matter to TLSA records */
	facts->named = facts->dane ? facts->trusted : has_one_of(x, str_of(names));
	facts->fault = (uint8_t)fault_of(verdict, facts->named);
	if (!facts->trusted)
		facts->distrust = X509_verify_cert_error_string(verdict);
	else if (!facts->named)
		facts->distrust = "the certificate is for other names";
	ERR_clear_error();
}
