/*
 * What is signed, and how. Whoever asks is exposed to the network, so a request is taken to be an
 * attacker's: nothing but the text of a TLS handshake is signed, whole, and hashed here. Such a
 * signature is worth nothing outside of the handshake whose random numbers are in it.
 */
#ifndef KEYS_SIGN_H
#define KEYS_SIGN_H

#include <openssl/evp.h>

#include "base/str.h"

/* Texts that are signed; a peer may ask for some. */
enum {
	SIGN_SERVER_13 = 1 << 0, /* CertificateVerify of a server, RFC 8446 4.4.3 */
	SIGN_CLIENT_13 = 1 << 1, /* and of a client */
	SIGN_SERVER_12 = 1 << 2, /* ServerKeyExchange of ECDHE, RFC 8422 5.4 */
};

/* Which of these it is; 0 = none. */
unsigned sign_text(struct str text);
/*
 * Signs into out (TLS_SIGNATURE_MAX bytes) and sets *n. NULL, or why not: the text is none of
 * `texts`, or that scheme is not for this key or not for this text.
 */
const char *sign(
    EVP_PKEY *key, uint16_t scheme, struct str text, unsigned texts, uint8_t *out, size_t *n);

#endif
