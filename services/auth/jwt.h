/*
 * Signed JSON web tokens (RFC 7515, RFC 7519) against keys of the configuration. Nothing of a token
 * is parsed before a key has verified it, so that only what the issuer wrote reaches a parser; and
 * the key decides the algorithm, never the token (RFC 8725 3.1): RS256, ES256 or EdDSA.
 */
#ifndef AUTH_JWT_H
#define AUTH_JWT_H

#include <openssl/types.h>

#include "base/str.h"
#include "proto/auth.h"

enum { JWT_KEYS_MAX = 8, JWT_LEEWAY = 60 /* seconds that clocks may differ */ };

struct jwt_rules {
	EVP_PKEY *keys[JWT_KEYS_MAX];
	unsigned nkeys;
	struct str issuer, audience; /* iss and aud must be these */
	struct str scope; /* must be among the scopes; empty = none is asked for */
	char claim[64]; /* its value is the account */
};

/* Adds a public key: base64 of its SubjectPublicKeyInfo. -1: it is none, or none that is used here.
 */
int jwt_add_key(struct jwt_rules *r, struct str base64);
void jwt_clear_keys(struct jwt_rules *r);

/*
 * What who issued a token says of it (RFC 7662 2.2), a JSON object: is it good, and for us? As
 * jwt_check(). Each rule that is set has to be met; only the issuer and the end may be left out.
 */
const char *jwt_introspected(
    const struct jwt_rules *r, struct str json, int64_t now, char *login);

/*
 * Is that a token for us, at time `now` (seconds since 1970)? text: header and payload as they were
 * sent, signature: its bytes. NULL and the account in login (LOGIN_MAX + 1 bytes), or what is
 * wrong.
 */
const char *jwt_check(
    const struct jwt_rules *r, struct str text, struct str signature, int64_t now, char *login);

#endif
