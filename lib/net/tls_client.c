/*
 * The client's side of TLS: trust anchors, what a handshake offers, sessions that can be resumed,
 * and what is to be thought of the certificate of a server. See tls.h.
 *
 * No certificate ends a handshake: who is to be spoken to is the owner's to judge, by the facts.
 * Sessions are kept in a table with one place per hash, so that servers cannot make it grow.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
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
	char *key;
	SSL_SESSION *session;
};

struct tls_client {
	SSL_CTX *ctx;
	uint64_t secret[2]; /* servers must not choose the place */
	struct place places[SESSION_PLACES];
};

/* --- sessions --------------------------------------------------------------------------------- */

static struct place *place_of(struct tls_client *c, const char *key)
{
	return &c->places[siphash(c->secret, str_of(key)) % SESSION_PLACES];
}

static void place_clear(struct place *p)
{
	SSL_SESSION_free(p->session);
	free(p->key);
	*p = (struct place){ .key = NULL };
}

/* SSL_CTX_sess_set_new_cb(3): 1 = the session is ours to free. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_client *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const char *key = tls_session_key(SSL_get_app_data(ssl));
	struct place *p;

	if (SSL_SESSION_is_resumable(session) != 1)
		return 0;
	p = place_of(c, key);
	place_clear(p);
	*p = (struct place){ xstrdup(key), session };
	return 1;
}

void tls_client_forget(struct tls_client *c, const char *key)
{
	struct place *p = place_of(c, key);

	if (p->key != NULL && strcmp(p->key, key) == 0)
		place_clear(p);
}

/* A ticket of TLS 1.3 is used once (RFC 8446 C.4). */
static void resume(struct tls_client *c, SSL *ssl, const char *key)
{
	struct place *p = place_of(c, key);

	if (p->key == NULL || strcmp(p->key, key) != 0)
		return;
	SSL_set_session(ssl, p->session);
	if (SSL_SESSION_get_protocol_version(p->session) >= TLS1_3_VERSION)
		place_clear(p);
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
	SSL_CTX_set_timeout(x, SESSION_SECONDS);
	if (SSL_CTX_set_min_proto_version(x, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(x, CIPHERS) != 1 ||
	    SSL_CTX_set1_groups_list(x, TLS_GROUPS) != 1 ||
	    SSL_CTX_set1_sigalgs_list(x, TLS_SIGNATURES) != 1)
		abort();
}

struct tls_client *tls_client_new(const char *anchors, size_t *n)
{
	struct tls_client *c = xcalloc(1, sizeof *c);

	assert(tls_library() != NULL);
	c->ctx = SSL_CTX_new_ex(tls_library(), NULL, TLS_client_method());
	if (c->ctx == NULL ||
	    RAND_bytes_ex(tls_library(), (void *)c->secret, sizeof c->secret, 0) != 1)
		abort();
	set_up(c);
	/* what stands in front of something unreadable counts */
	SSL_CTX_load_verify_file(c->ctx, anchors);
	*n = (size_t)sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(c->ctx)));
	ERR_clear_error();
	return c;
}

void tls_client_free(struct tls_client *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < SESSION_PLACES; i++)
		place_clear(&c->places[i]);
	SSL_CTX_free(c->ctx);
	free(c);
}

static bool is_address(const char *host)
{
	struct in6_addr a;

	return inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1;
}

SSL *tls_client_ssl(struct tls_client *c, const struct tls_server *to)
{
	SSL *s = SSL_new(c->ctx);

	if (s == NULL)
		abort();
	/* RFC 6066 3: no addresses. A name that is too long is the server's to miss. */
	if (!is_address(to->host))
		SSL_set_tlsext_host_name(s, to->host);
	resume(c, s, to->session);
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
	return X509_check_host(x, name, 0,
		   X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
		   NULL) == 1;
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

static bool fingerprint(X509 *x, uint8_t out[TLS_FINGERPRINT])
{
	uint8_t *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	EVP_MD *sha256 = EVP_MD_fetch(tls_library(), "SHA256", NULL);
	bool good = n > 0 && EVP_Digest(der, (size_t)n, out, NULL, sha256, NULL) == 1;

	OPENSSL_free(der);
	EVP_MD_free(sha256);
	return good;
}

void tls_client_judge(SSL *ssl, const char *names, struct tls_facts *facts)
{
	X509 *x = SSL_get0_peer_certificate(ssl);
	long verdict = SSL_get_verify_result(ssl);

	if (x == NULL || !fingerprint(x, facts->fingerprint)) {
		facts->distrust = "the server has no certificate";
		return;
	}
	facts->trusted = verdict == X509_V_OK;
	facts->named = has_one_of(x, str_of(names));
	if (!facts->trusted)
		facts->distrust = X509_verify_cert_error_string(verdict);
	else if (!facts->named)
		facts->distrust = "the certificate is for other names";
	ERR_clear_error();
}
