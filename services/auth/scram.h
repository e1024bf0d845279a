/*
 * Keys of SCRAM (RFC 5802, RFC 7677): made of a password, and asked whether a proof is theirs.
 */
#ifndef AUTH_SCRAM_H
#define AUTH_SCRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "proto/auth.h"

struct scram_keys {
	uint32_t iterations; /* 0 = there are none */
	uint8_t salt[SCRAM_SALT_BYTES];
	struct {
		uint8_t stored[SCRAM_HASH_MAX], server[SCRAM_HASH_MAX];
	} hashes[SCRAM_HASHES];
};

/* Bytes of that hash. */
size_t scram_size(enum scram_hash h);
/* Before confinement: the library opens what it needs. -1: it cannot do it. */
int scram_open(void);

/*
 * Makes all keys of a password, with a new salt. Slow on purpose. -1: SASLprep (RFC 4013) has no
 * form of it, or there is no salt to be had; then no client could use it with SCRAM.
 */
int scram_make(const char *password, uint32_t iterations, struct scram_keys *k);
/* The same with the salt and the iterations that k holds. */
int scram_derive(const char *password, struct scram_keys *k);

/*
 * Does that proof belong to the keys? If so, `signature` (scram_size() bytes) is what proves to the
 * client that the server knows them. Takes the same time in any case.
 */
bool scram_verify(const struct scram_keys *k, enum scram_hash h, struct str auth_message,
    struct str proof, uint8_t signature[SCRAM_HASH_MAX]);

/* The keys of an account that there is not: always the same ones for a login, and nobody's. */
void scram_invent(
    const uint8_t secret[32], struct str login, uint32_t iterations, struct scram_keys *k);

#endif
