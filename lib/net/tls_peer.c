/*
 * The certificates of clients: whether a server asks for them, whom it trusts, and what it learns.
 * See tls.h.
 *
 * Where it only asks, no certificate ends a handshake: one without a chain to a trust anchor can
 * still be known by its fingerprint.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "tls_internal.h"

enum {
	CHAIN_DEPTH = 8, /* certificates between the client's own and an anchor */
	NAME_BYTES = 512, /* of a distinguished name, as text */
};

/* --- asking ----------------------------------------------------------------------------------- */

/* The verdict stays in x; whether it ends the handshake depends on what was asked for. */
static int verify(X509_STORE_CTX *x, void *required)
{
	return X509_verify_cert(x) == 1 || required == NULL;
}

/*
 * A ticket is good where the same was asked of the client, and the same anchors were trusted: who
 * got in elsewhere without a certificate must not resume that here.
 */
static void bind_sessions(SSL_CTX *x, const struct tls_policy *p)
{
	EVP_MD *sha256 = EVP_MD_fetch(tls_library(), "SHA256", NULL);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t ask = (uint8_t)p->ask, hash[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (md == NULL || EVP_DigestInit_ex2(md, sha256, NULL) != 1 ||
	    EVP_DigestUpdate(md, p->alpn, strlen(p->alpn)) != 1 ||
	    EVP_DigestUpdate(md, &ask, sizeof ask) != 1)
		abort();
	for (size_t i = 0; i < p->nanchors; i++)
		EVP_DigestUpdate(md, p->anchors[i].p, p->anchors[i].n);
	if (EVP_DigestFinal_ex(md, hash, &n) != 1 ||
	    SSL_CTX_set_session_id_context(x, hash, n) != 1)
		abort();
	EVP_MD_CTX_free(md);
	EVP_MD_free(sha256);
}

static X509 *parse(struct str der)
{
	X509 *x = X509_new_ex(tls_library(), NULL);
	const unsigned char *p = (const unsigned char *)der.p;

	if (x != NULL && d2i_X509(&x, &p, (long)der.n) != NULL)
		return x;
	X509_free(x);
	return NULL;
}

void tls_peer_ask(SSL_CTX *x, const struct tls_policy *p)
{
	X509_STORE *store = SSL_CTX_get_cert_store(x);
	bool required = p->ask == TLS_REQUIRE;

	bind_sessions(x, p);
	if (p->ask == TLS_ASK_NOT)
		return;
	for (size_t i = 0; i < p->nanchors; i++) {
		X509 *anchor = parse(p->anchors[i]);

		/* keys has parsed it before */
		if (anchor != NULL && X509_STORE_add_cert(store, anchor) == 1)
			SSL_CTX_add_client_CA(x, anchor);
		X509_free(anchor);
	}
	ERR_clear_error();
	SSL_CTX_set_verify(
	    x, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
	SSL_CTX_set_verify_depth(x, CHAIN_DEPTH);
	SSL_CTX_set_cert_verify_callback(x, verify, required ? x : NULL);
}

/* --- what was shown --------------------------------------------------------------------------- */

bool tls_fingerprint(X509 *x, bool key, uint8_t out[TLS_FINGERPRINT])
{
	uint8_t *der = NULL;
	int n = key ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der) : i2d_X509(x, &der);
	EVP_MD *sha256 = EVP_MD_fetch(tls_library(), "SHA256", NULL);
	bool good = n > 0 && EVP_Digest(der, (size_t)n, out, NULL, sha256, NULL) == 1;

	OPENSSL_free(der);
	EVP_MD_free(sha256);
	return good;
}

/* Text for logs and tables; NULL when it has bytes that are none. */
static char *text_of(const ASN1_STRING *s)
{
	unsigned char *utf8 = NULL;
	int n = s == NULL ? -1 : ASN1_STRING_to_UTF8(&utf8, s);
	char *text = NULL;

	for (int i = 0; i < n; i++)
		if (utf8[i] < ' ' || utf8[i] == 0x7f)
			n = -1;
	if (n > 0 && n <= TLS_PEER_NAME)
		text = str_dup(str_bytes(utf8, (size_t)n));
	OPENSSL_free(utf8);
	return text;
}

/* Its first mail address (RFC 5280 4.2.1.6); without one, its common name. */
static char *name_of(X509 *x)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	X509_NAME *subject = X509_get_subject_name(x);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	char *name = NULL;
	bool has = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(all) && !has; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);

		has = g->type == GEN_EMAIL;
		if (has)
			name = text_of(g->d.rfc822Name);
	}
	if (!has && at >= 0)
		name = text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	GENERAL_NAMES_free(all);
	return name;
}

static char *oneline(const X509_NAME *n)
{
	char text[NAME_BYTES] = "";
	BIO *b = BIO_new(BIO_s_mem());
	int got;

	if (b == NULL)
		abort();
	if (X509_NAME_print_ex(b, n, 0, XN_FLAG_RFC2253) >= 0 &&
	    (got = BIO_read(b, text, sizeof text - 1)) > 0)
		text[got] = '\0';
	BIO_free(b);
	return xstrdup(text);
}

void tls_peer_judge(SSL *ssl, struct tls_facts *f)
{
	X509 *x = SSL_get0_peer_certificate(ssl);
	long verdict = SSL_get_verify_result(ssl);

	if (x == NULL || !tls_fingerprint(x, true, f->fingerprint) ||
	    !tls_fingerprint(x, false, f->certificate))
		return;
	/* what was true when the session began need not be now */
	if (verdict == X509_V_OK && X509_cmp_current_time(X509_get0_notAfter(x)) <= 0)
		verdict = X509_V_ERR_CERT_HAS_EXPIRED;
	f->shown = true;
	f->trusted = verdict == X509_V_OK;
	f->distrust = f->trusted ? NULL : X509_verify_cert_error_string(verdict);
	f->peer = name_of(x);
	f->subject = oneline(X509_get_subject_name(x));
	f->issuer = oneline(X509_get_issuer_name(x));
	ERR_clear_error();
}

void tls_peer_forget(struct tls_facts *f)
{
	free(f->peer);
	free(f->subject);
	free(f->issuer);
	f->peer = f->subject = f->issuer = NULL;
}
