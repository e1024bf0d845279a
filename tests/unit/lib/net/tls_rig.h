/*
 * Certificates made on the spot, and a signer that has their keys: what services/keys is to the
 * programs, for tests of what is below it.
 */
#ifndef TEST_TLS_RIG_H
#define TEST_TLS_RIG_H

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "net/tls.h"

enum { RIG_KEYS = 4, RIG_DER = 4096 };

static struct tls_rig {
	EVP_PKEY *keys[RIG_KEYS];
	unsigned n, asked, cancelled;
	struct tls_sign *held; /* where hold is set: answered by rig_release() */
	bool hold, refuse;
	uint8_t der[RIG_KEYS][RIG_DER];
	struct timer soon;
} tls_rig;

static struct tls_certificate rig_certificate(EVP_PKEY *key, const char *names)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	uint8_t *p = tls_rig.der[tls_rig.n];
	struct tls_certificate c = { .key = tls_rig.n, .n = 1 };

	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_set_version(x, 2);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const void *)"test", -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_add_ext(x, san, -1);
	X509_sign(x, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256());
	c.chain[0] = str_bytes(tls_rig.der[tls_rig.n], (size_t)i2d_X509(x, &p));
	X509_EXTENSION_free(san);
	X509_free(x);
	tls_rig.keys[tls_rig.n++] = key;
	return c;
}

static void rig_answer(struct tls_sign *s)
{
	static const struct {
		uint16_t scheme;
		const char *digest;
		bool pss;
	} how[] = { { TLS_ECDSA_SHA256, "SHA256", false }, { TLS_ECDSA_SHA384, "SHA384", false },
		{ TLS_RSA_PSS_SHA256, "SHA256", true }, { TLS_RSA_PSS_SHA384, "SHA384", true },
		{ TLS_RSA_PKCS1_SHA256, "SHA256", false }, { TLS_ED25519, NULL, false } };
	uint8_t signature[TLS_SIGNATURE_MAX];
	size_t n = sizeof signature;
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	EVP_PKEY_CTX *p;

	for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
		if (how[i].scheme != s->scheme)
			continue;
		if (EVP_DigestSignInit_ex(
			m, &p, how[i].digest, NULL, NULL, tls_rig.keys[s->key], NULL) != 1 ||
		    (how[i].pss &&
			(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) != 1 ||
			    EVP_PKEY_CTX_set_rsa_pss_saltlen(p, RSA_PSS_SALTLEN_DIGEST) != 1)) ||
		    EVP_DigestSign(m, signature, &n, (const uint8_t *)s->text.p, s->text.n) != 1)
			n = 0;
		break;
	}
	EVP_MD_CTX_free(m);
	tls_signed(s, tls_rig.refuse ? STR_NONE : str_bytes(signature, n));
}

static void rig_release(void *unused)
{
	struct tls_sign *s = tls_rig.held;

	(void)unused;
	tls_rig.held = NULL;
	if (s != NULL)
		rig_answer(s);
}

static void rig_sign(struct tls_sign *s)
{
	tls_rig.asked++;
	tls_rig.held = s;
	if (!tls_rig.hold)
		timer_set(&tls_rig.soon, 0, rig_release, NULL);
}

static void rig_cancel(struct tls_sign *s)
{
	if (tls_rig.held == s)
		tls_rig.held = NULL;
	tls_rig.cancelled++;
}

static const struct tls_signer rig_signer = { rig_sign, rig_cancel };

#endif
