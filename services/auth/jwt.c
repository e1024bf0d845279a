/* Signed JSON web tokens. See jwt.h. */
#include "jwt.h"

#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/base64.h"

enum { KEY_MAX = 4096, ES256_HALF = 32, RSA_BITS_MIN = 2048 };

/* --- keys ------------------------------------------------------------------------------------ */

/* The one algorithm of a key, or NULL. */
static const char *algorithm(const EVP_PKEY *key)
{
	char curve[32];
	size_t n;

	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN ? "RS256" : NULL;
	case EVP_PKEY_EC:
		return EVP_PKEY_get_group_name(key, curve, sizeof curve, &n) == 1 &&
			       strcmp(curve, "prime256v1") == 0
			   ? "ES256"
			   : NULL;
	case EVP_PKEY_ED25519:
		return "EdDSA";
	default:
		return NULL;
	}
}

int jwt_add_key(struct jwt_rules *r, struct str base64)
{
	char der[KEY_MAX];
	const unsigned char *p = (const unsigned char *)der;
	EVP_PKEY *key;
	ssize_t n;

	if (r->nkeys == JWT_KEYS_MAX || base64.n > KEY_MAX)
		return -1;
	n = base64_decode(base64, der);
	key = n <= 0 ? NULL : d2i_PUBKEY(NULL, &p, n);
	if (key == NULL)
		return -1;
	if (p != (const unsigned char *)der + n || algorithm(key) == NULL) {
		EVP_PKEY_free(key);
		return -1;
	}
	r->keys[r->nkeys++] = key;
	return 0;
}

void jwt_clear_keys(struct jwt_rules *r)
{
	while (r->nkeys > 0)
		EVP_PKEY_free(r->keys[--r->nkeys]);
}

/* --- the signature --------------------------------------------------------------------------- */

/* RFC 7518 3.4: R and S, one behind the other, where OpenSSL wants DER. Its length, or -1. */
static int ecdsa_der(struct str raw, unsigned char **der)
{
	const unsigned char *p = (const unsigned char *)raw.p;
	ECDSA_SIG *sig = raw.n == 2 * ES256_HALF ? ECDSA_SIG_new() : NULL;
	BIGNUM *r, *s;
	int n = -1;

	if (sig == NULL)
		return -1;
	r = BN_bin2bn(p, ES256_HALF, NULL);
	s = BN_bin2bn(p + ES256_HALF, ES256_HALF, NULL);
	*der = NULL;
	if (ECDSA_SIG_set0(sig, r, s) == 1)
		n = i2d_ECDSA_SIG(sig, der);
	ECDSA_SIG_free(sig);
	return n;
}

static bool verify(EVP_PKEY *key, struct str text, const unsigned char *signature, size_t n)
{
	const EVP_MD *md = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
		    EVP_DigestVerify(ctx, signature, n, (const unsigned char *)text.p, text.n) == 1;

	EVP_MD_CTX_free(ctx);
	return good;
}

static bool signed_by(EVP_PKEY *key, struct str text, struct str signature)
{
	unsigned char *der;
	bool good;
	int n;

	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC)
		return verify(key, text, (const unsigned char *)signature.p, signature.n);
	n = ecdsa_der(signature, &der);
	if (n <= 0)
		return false;
	good = verify(key, text, der, (size_t)n);
	OPENSSL_free(der);
	return good;
}

/* --- what it says ---------------------------------------------------------------------------- */

static json_t *decode(struct str part)
{
	char text[TOKEN_MAX];
	ssize_t n = part.n > sizeof text ? -1 : base64url_decode(part, text);

	return n <= 0 ? NULL : json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
}

static struct str text_of(const json_t *v)
{
	return json_is_string(v) ? str_bytes(json_string_value(v), json_string_length(v))
				 : STR_NONE;
}

/* Is `want` the string v, one of the words of it, or one of the array v? */
static bool among(const json_t *v, struct str want, bool words)
{
	struct str rest = text_of(v), word;
	const json_t *item;
	size_t i;

	if (json_is_array(v)) {
		json_array_foreach(v, i,
		    item) if (json_is_string(item) && str_eq(text_of(item), want)) return true;
		return false;
	}
	if (!words)
		return str_eq(rest, want);
	while (str_word(&rest, &word))
		if (str_eq(word, want))
			return true;
	return false;
}

static const char *check_header(const json_t *header, const EVP_PKEY *key)
{
	if (!str_eq(text_of(json_object_get(header, "alg")), str_of(algorithm(key))))
		return "the algorithm is not that of the key";
	if (json_object_get(header, "crit") != NULL)
		return "an extension that must be understood is not";
	return NULL;
}

static const char *check_time(const json_t *claims, int64_t now)
{
	const json_t *exp = json_object_get(claims, "exp"), *nbf = json_object_get(claims, "nbf");

	if (exp != NULL &&
	    (!json_is_number(exp) || json_number_value(exp) + JWT_LEEWAY <= (double)now))
		return "expired";
	if (nbf != NULL &&
	    (!json_is_number(nbf) || json_number_value(nbf) > (double)now + JWT_LEEWAY))
		return "not valid yet";
	return NULL;
}

static const char *check_claims(
    const struct jwt_rules *r, const json_t *claims, int64_t now, char *login)
{
	const char *why = check_time(claims, now);
	const json_t *issuer = json_object_get(claims, "iss");
	struct str name;

	if (why != NULL)
		return why;
	if (issuer != NULL && r->issuer.n > 0 && !str_eq(text_of(issuer), r->issuer))
		return "of another issuer";
	if (r->audience.n > 0 && !among(json_object_get(claims, "aud"), r->audience, false))
		return "for another audience";
	if (r->scope.n > 0 && !among(json_object_get(claims, "scope"), r->scope, true) &&
	    !among(json_object_get(claims, "scp"), r->scope, true))
		return "without the scope";
	name = text_of(json_object_get(claims, r->claim));
	if (name.n == 0 || str_copy(name, login, LOGIN_MAX + 1) == -1)
		return "it names no account";
	return NULL;
}

/* What a token that speaks for itself has to hold. */
static const char *check_complete(const struct jwt_rules *r, const json_t *claims)
{
	if (json_object_get(claims, "exp") == NULL)
		return "expired";
	if (r->issuer.n == 0 || json_object_get(claims, "iss") == NULL)
		return "of another issuer";
	return r->audience.n == 0 ? "for another audience" : NULL;
}

static const char *check_content(
    const struct jwt_rules *r, const EVP_PKEY *key, struct str text, int64_t now, char *login)
{
	struct str payload = text, head;
	json_t *header, *claims;
	const char *why;

	str_cut(&payload, '.', &head);
	header = decode(head);
	claims = decode(payload);
	if (!json_is_object(header) || !json_is_object(claims))
		why = "it holds no claims";
	else if ((why = check_header(header, key)) == NULL &&
		 (why = check_complete(r, claims)) == NULL)
		why = check_claims(r, claims, now, login);
	json_decref(header);
	json_decref(claims);
	return why;
}

const char *jwt_check(
    const struct jwt_rules *r, struct str text, struct str signature, int64_t now, char *login)
{
	for (unsigned i = 0; i < r->nkeys; i++)
		if (signed_by(r->keys[i], text, signature))
			return check_content(r, r->keys[i], text, now, login);
	return "no key has signed it";
}

const char *jwt_introspected(const struct jwt_rules *r, struct str json, int64_t now, char *login)
{
	json_t *claims = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
	const char *why;

	if (!json_is_object(claims))
		why = "the answer is no JSON object";
	else if (!json_is_true(json_object_get(claims, "active")))
		why = "not active";
	else if (r->audience.n == 0 && r->scope.n == 0)
		why = "for another audience";
	else
		why = check_claims(r, claims, now, login);
	json_decref(claims);
	return why;
}
