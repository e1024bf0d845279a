/* What is signed, and how. See sign.h. */
#include "sign.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#include "net/tls.h"

enum { SPACES = 64, HASH_256 = 32, HASH_384 = 48, RANDOMS = 64, NAMED_CURVE = 3 };

/* RFC 8446 4.4.3: 64 blanks, this, a NUL, and the hash of the handshake by the cipher suite's
 * function. */
static bool is_verify_13(struct str t, struct str context)
{
	size_t before = SPACES + context.n + 1;

	if (t.n != before + HASH_256 && t.n != before + HASH_384)
		return false;
	for (size_t i = 0; i < SPACES; i++)
		if (t.p[i] != ' ')
			return false;
	return str_eq(str_take(str_skip(t, SPACES), context.n), context) && t.p[before - 1] == '\0';
}

/* RFC 8422 5.4: both random numbers, then curve_type, the curve, the point with its length. */
static bool is_key_exchange_12(struct str t)
{
	static const struct {
		uint16_t group;
		uint8_t point;
	} groups[] = { { 0x001d, 32 }, { 0x0017, 65 }, { 0x0018, 97 } }; /* X25519, P-256, P-384 */
	const uint8_t *p = (const uint8_t *)t.p;

	if (t.n < RANDOMS + 4 || p[RANDOMS] != NAMED_CURVE)
		return false;
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (p[RANDOMS + 1] == groups[i].group >> 8 &&
		    p[RANDOMS + 2] == (groups[i].group & 0xff) &&
		    p[RANDOMS + 3] == groups[i].point && t.n == RANDOMS + 4u + groups[i].point)
			return true;
	return false;
}

unsigned sign_text(struct str text)
{
	if (is_verify_13(text, STR("TLS 1.3, server CertificateVerify")))
		return SIGN_SERVER_13;
	if (is_verify_13(text, STR("TLS 1.3, client CertificateVerify")))
		return SIGN_CLIENT_13;
	return is_key_exchange_12(text) ? SIGN_SERVER_12 : 0;
}

enum { IN_13 = SIGN_SERVER_13 | SIGN_CLIENT_13, IN_12 = SIGN_SERVER_12 };

static const struct scheme {
	uint16_t scheme;
	const char *type, *group; /* of the key; the group counts in TLS 1.3 only */
	const EVP_MD *(*digest)(void);
	bool pss;
	unsigned texts;
} schemes[] = {
	{ TLS_ECDSA_SHA256, "EC", "prime256v1", EVP_sha256, false, IN_13 | IN_12 },
	{ TLS_ECDSA_SHA384, "EC", "secp384r1", EVP_sha384, false, IN_13 | IN_12 },
	{ TLS_RSA_PSS_SHA256, "RSA", NULL, EVP_sha256, true, IN_13 | IN_12 },
	{ TLS_RSA_PSS_SHA384, "RSA", NULL, EVP_sha384, true, IN_13 | IN_12 },
	{ TLS_RSA_PSS_SHA512, "RSA", NULL, EVP_sha512, true, IN_13 | IN_12 },
	{ TLS_RSA_PKCS1_SHA256, "RSA", NULL, EVP_sha256, false, IN_12 },
	{ TLS_RSA_PKCS1_SHA384, "RSA", NULL, EVP_sha384, false, IN_12 },
	{ TLS_RSA_PKCS1_SHA512, "RSA", NULL, EVP_sha512, false, IN_12 },
	{ TLS_ED25519, "ED25519", NULL, NULL, false, IN_13 | IN_12 },
};

static const struct scheme *find(uint16_t scheme)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (schemes[i].scheme == scheme)
			return &schemes[i];
	return NULL;
}

static bool fits(const struct scheme *s, const EVP_PKEY *key, unsigned text)
{
	char group[32];
	size_t n;

	if (!EVP_PKEY_is_a(key, s->type) || (s->texts & text) == 0)
		return false;
	if (s->group == NULL || (text & IN_13) == 0)
		return true;
	return EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1 &&
	       strcmp(group, s->group) == 0;
}

/* RFC 8446 4.2.3: the salt is as long as the digest. */
static bool set_pss(EVP_PKEY_CTX *c)
{
	return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) == 1;
}

const char *sign(
    EVP_PKEY *key, uint16_t scheme, struct str text, unsigned texts, uint8_t *out, size_t *n)
{
	const struct scheme *s = find(scheme);
	unsigned kind = sign_text(text);
	EVP_PKEY_CTX *c = NULL;
	EVP_MD_CTX *m;
	bool good;

	if (kind == 0)
		return "not the text of a handshake";
	if ((kind & texts) == 0)
		return "not a text for this peer";
	if (s == NULL || !fits(s, key, kind))
		return "no scheme of this key and text";
	*n = TLS_SIGNATURE_MAX;
	m = EVP_MD_CTX_new();
	good = m != NULL &&
	       EVP_DigestSignInit(m, &c, s->digest == NULL ? NULL : s->digest(), NULL, key) == 1 &&
	       (!s->pss || set_pss(c)) &&
	       EVP_DigestSign(m, out, n, (const uint8_t *)text.p, text.n) == 1;
	EVP_MD_CTX_free(m);
	ERR_clear_error();
	return good ? NULL : "the signature failed";
}
