/* A certificate chain and its private key. See pair.h. */
#include "pair.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "net/certificate.h"

enum {
	RSA_BITS_MIN = 2048,
	RSA_BITS_MAX = 8192,
	CHAIN_BYTES_MAX = 48 * 1024, /* what a packet takes */
};

/* --- certificates ----------------------------------------------------------------------------- */

static int add_certificate(struct pair *p, X509 *x, char *why)
{
	struct tls_certificate *c = &p->certificate;
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);
	size_t sum = (size_t)(n > 0 ? n : 0);

	for (unsigned i = 0; i < c->n; i++)
		sum += c->chain[i].n;
	if (n <= 0 || c->n == TLS_CHAIN || sum > CHAIN_BYTES_MAX) {
		OPENSSL_free(der);
		snprintf(why, KEYFILE_WHY, "the chain is too long");
		return -1;
	}
	c->chain[c->n].p = str_dup(str_bytes(der, (size_t)n));
	c->chain[c->n++].n = (size_t)n;
	OPENSSL_free(der);
	return 0;
}

static void note_id(struct pair *p, X509 *x)
{
	unsigned char digest[EVP_MAX_MD_SIZE], *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);

	if (n <= 0 || EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha256(), NULL) != 1)
		abort();
	memcpy(&p->id, digest, sizeof p->id);
	p->certificate.key = p->id;
	OPENSSL_free(der);
}

/* The leaf, which the caller frees. */
static X509 *parse_chain(struct pair *p, struct str pem, char *why)
{
	BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *leaf = NULL, *last = NULL, *x;

	while ((x = PEM_read_bio_X509(b, NULL, NULL, NULL)) != NULL) {
		int r = add_certificate(p, x, why);

		if (last != NULL && X509_check_issued(x, last) != X509_V_OK)
			p->disordered = true;
		if (last != leaf)
			X509_free(last);
		last = x;
		if (leaf == NULL)
			leaf = x;
		if (r == -1)
			goto fail;
	}
	if (last != leaf)
		X509_free(last);
	last = NULL;
	/* at the end there is nothing to begin with; all else is damage */
	if (leaf != NULL && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
		BIO_free(b);
		return leaf;
	}
	snprintf(why, KEYFILE_WHY, "the certificate file %s",
	    leaf == NULL ? "holds no certificate in PEM form" : "is damaged");
fail:
	if (last != leaf)
		X509_free(last);
	X509_free(leaf);
	BIO_free(b);
	return NULL;
}

/* --- keys ------------------------------------------------------------------------------------- */

static bool usable(struct pair *p)
{
	static const char *const kinds[] = { "RSA", "EC", "ED25519" };
	char group[32] = "";
	size_t n;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (EVP_PKEY_is_a(p->key, kinds[i]))
			p->kind = kinds[i];
	p->bits = (unsigned)EVP_PKEY_get_bits(p->key);
	if (p->kind == NULL)
		return false;
	if (strcmp(p->kind, "RSA") == 0)
		return p->bits >= RSA_BITS_MIN && p->bits <= RSA_BITS_MAX;
	if (strcmp(p->kind, "EC") != 0)
		return true;
	return EVP_PKEY_get_group_name(p->key, group, sizeof group, &n) == 1 &&
	       (strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0);
}

/* --- the pair --------------------------------------------------------------------------------- */

struct pair *pair_parse(struct str certificate, struct str key, char *why)
{
	struct pair *p = xcalloc(1, sizeof *p);
	X509 *leaf = NULL;

	why[0] = '\0';
	ERR_clear_error();
	leaf = parse_chain(p, certificate, why);
	ERR_clear_error();
	p->key = leaf == NULL ? NULL : keyfile_key(key, why);
	if (p->key == NULL)
		goto fail;
	if (X509_check_private_key(leaf, p->key) != 1) {
		snprintf(why, KEYFILE_WHY, "the key is not that of the certificate%s",
		    p->certificate.n > 1 ? " that comes first in its file" : "");
		goto fail;
	}
	if (!usable(p)) {
		snprintf(why, KEYFILE_WHY,
		    "keys can be RSA of %d to %d bits, EC on P-256 or P-384, or Ed25519",
		    RSA_BITS_MIN, RSA_BITS_MAX);
		goto fail;
	}
	note_id(p, leaf);
	certificate_names(leaf, p->names, sizeof p->names);
	p->not_before = certificate_time(X509_get0_notBefore(leaf));
	p->not_after = certificate_time(X509_get0_notAfter(leaf));
	X509_free(leaf);
	ERR_clear_error();
	return p;
fail:
	X509_free(leaf);
	pair_free(p);
	ERR_clear_error();
	return NULL;
}

struct pair *pair_load(int certificate_fd, int key_fd, char *why)
{
	struct str certificate = { NULL, 0 }, key = { NULL, 0 };
	struct pair *p = NULL;

	if (keyfile_read(certificate_fd, &certificate, "certificate", why) == 0 &&
	    keyfile_read(key_fd, &key, "key", why) == 0)
		p = pair_parse(certificate, key, why);
	keyfile_wipe(certificate);
	keyfile_wipe(key);
	return p;
}

void pair_free(struct pair *p)
{
	if (p == NULL)
		return;
	for (unsigned i = 0; i < p->certificate.n; i++)
		str_free(&p->certificate.chain[i]);
	EVP_PKEY_free(p->key);
	free(p);
}

const char *pair_date_fault(const struct pair *p, int64_t now)
{
	if (now < p->not_before)
		return "the certificate is not valid yet";
	return now >= p->not_after ? "the certificate has expired" : NULL;
}

const char *pair_fault(const struct pair *p, int64_t now)
{
	const char *date = pair_date_fault(p, now);

	if (date != NULL || !p->disordered)
		return date;
	return "the chain is out of order: the host's certificate, its issuer's, and so on";
}

int pair_days(const struct pair *p, int64_t now)
{
	int64_t left = p->not_after - now;

	if (left < 0)
		left -= PAIR_SECONDS_PER_DAY - 1;
	return (int)(left / PAIR_SECONDS_PER_DAY);
}
