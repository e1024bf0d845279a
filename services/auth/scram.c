/* Keys of SCRAM. See scram.h. */
#include "scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <stringprep.h>
#include <sys/random.h>

static const EVP_MD *digest(enum scram_hash h)
{
	return h == SCRAM_SHA_256 ? EVP_sha256() : EVP_sha1();
}

size_t scram_size(enum scram_hash h)
{
	return h == SCRAM_SHA_256 ? 32 : 20;
}

static int hmac(enum scram_hash h, struct str key, struct str text, uint8_t out[SCRAM_HASH_MAX])
{
	unsigned n;

	return HMAC(digest(h), key.p, (int)key.n, (const unsigned char *)text.p, text.n, out, &n) ==
		       NULL
		   ? -1
		   : 0;
}

/* ServerKey and StoredKey of a salted password, RFC 5802 3. */
static int make_keys(enum scram_hash h, struct str salted, struct scram_keys *k)
{
	uint8_t client[SCRAM_HASH_MAX];
	unsigned n;
	int r = -1;

	if (hmac(h, salted, STR("Server Key"), k->hashes[h].server) == 0 &&
	    hmac(h, salted, STR("Client Key"), client) == 0 &&
	    EVP_Digest(client, scram_size(h), k->hashes[h].stored, &n, digest(h), NULL) == 1)
		r = 0;
	explicit_bzero(client, sizeof client);
	return r;
}

int scram_open(void)
{
	struct scram_keys k;

	return scram_make("warm up", 1, &k);
}

int scram_derive(const char *password, struct scram_keys *k)
{
	uint8_t salted[SCRAM_HASH_MAX];
	char *prepared;
	int r = 0;

	if (stringprep_profile(password, &prepared, "SASLprep", 0) != STRINGPREP_OK)
		return -1;
	for (unsigned h = 0; r == 0 && h < SCRAM_HASHES; h++)
		if (PKCS5_PBKDF2_HMAC(prepared, (int)strlen(prepared), k->salt, sizeof k->salt,
			(int)k->iterations, digest(h), (int)scram_size(h), salted) != 1 ||
		    make_keys(h, str_bytes(salted, scram_size(h)), k) == -1)
			r = -1;
	explicit_bzero(salted, sizeof salted);
	explicit_bzero(prepared, strlen(prepared));
	free(prepared);
	return r;
}

int scram_make(const char *password, uint32_t iterations, struct scram_keys *k)
{
	*k = (struct scram_keys){ .iterations = iterations };
	if (getrandom(k->salt, sizeof k->salt, 0) != sizeof k->salt)
		return -1;
	return scram_derive(password, k);
}

bool scram_verify(const struct scram_keys *k, enum scram_hash h, struct str auth_message,
    struct str proof, uint8_t signature[SCRAM_HASH_MAX])
{
	uint8_t client[SCRAM_HASH_MAX], hash[SCRAM_HASH_MAX];
	size_t size = scram_size(h);
	unsigned n;
	bool good;

	if (proof.n != size ||
	    hmac(h, str_bytes(k->hashes[h].stored, size), auth_message, client) == -1 ||
	    hmac(h, str_bytes(k->hashes[h].server, size), auth_message, signature) == -1)
		return false;
	for (size_t i = 0; i < size; i++) /* ClientKey = ClientSignature XOR ClientProof */
		client[i] ^= (uint8_t)proof.p[i];
	good = EVP_Digest(client, size, hash, &n, digest(h), NULL) == 1 &&
	       CRYPTO_memcmp(hash, k->hashes[h].stored, size) == 0;
	explicit_bzero(client, sizeof client);
	return good;
}

void scram_invent(
    const uint8_t secret[32], struct str login, uint32_t iterations, struct scram_keys *k)
{
	uint8_t hash[SCRAM_HASH_MAX] = { 0 };

	_Static_assert(SCRAM_SALT_BYTES <= 32, "the salt is the beginning of a SHA-256");
	*k = (struct scram_keys){ .iterations = iterations };
	(void)hmac(SCRAM_SHA_256, str_bytes(secret, 32), login, hash);
	memcpy(k->salt, hash, sizeof k->salt);
	/* what H() gives this is not known to anybody: no proof can fit */
	for (unsigned h = 0; h < SCRAM_HASHES; h++)
		memcpy(k->hashes[h].stored, hash + 4, 20);
}
