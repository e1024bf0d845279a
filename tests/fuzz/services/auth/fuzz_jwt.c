/*
 * A JSON web token: what a signature that is not one is taken for, and, behind a key that signs
 * here, every header and payload: the first byte says where the one ends and the other begins.
 */
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../../services/auth/jwt.h"
#include "base/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 8192 };

static EVP_PKEY *key;
static struct jwt_rules rules = {
	.issuer = { "i", 1 }, .audience = { "a", 1 }, .scope = { "s", 1 }, .claim = "sub"
};

static void start_once(void)
{
	if (key != NULL)
		return;
	key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	rules.keys[rules.nkeys++] = key;
}

/* base64url without padding, behind n bytes of out. */
static size_t encode(struct str s, char *out, size_t n)
{
	size_t end = n + base64_encode(s, out + n);

	for (size_t i = n; i < end; i++)
		out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
	while (end > n && out[end - 1] == '=')
		end--;
	return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[3 * TEXT_MAX];
	uint8_t signature[64];
	char login[LOGIN_MAX + 1];
	size_t n, cut, siglen = sizeof signature;
	EVP_MD_CTX *ctx;

	if (size < 2 || size > TEXT_MAX)
		return 0;
	start_once();
	jwt_check(&rules, STR("a.b"), str_bytes(data, size), 1000, login);
	jwt_introspected(&rules, str_bytes(data, size), 1000, login);
	cut = 1 + data[0] % (size - 1);
	n = encode(str_bytes(data + 1, cut - 1), text, 0);
	text[n++] = '.';
	n = encode(str_bytes(data + cut, size - cut), text, n);
	ctx = EVP_MD_CTX_new();
	if (EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestSign(ctx, signature, &siglen, (const unsigned char *)text, n) != 1)
		__builtin_trap();
	EVP_MD_CTX_free(ctx);
	jwt_check(&rules, str_bytes(text, n), str_bytes(signature, siglen), 1000, login);
	return 0;
}
