/* App passwords. See app.h. */
#include "app.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

enum { GROUPS = 5, GROUP = 5, CHARS = GROUPS * GROUP };

/* 32 characters of which none looks like another (Crockford's). */
static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

static void hash_of(const char chars[CHARS], uint8_t out[APP_HASH_BYTES])
{
	unsigned n;

	(void)EVP_Digest(chars, CHARS, out, &n, EVP_sha256(), NULL);
}

int app_make(struct app_password *a, char text[APP_TEXT_MAX + 1])
{
	uint8_t random[CHARS];
	char chars[CHARS];
	size_t n = 0;

	if (getrandom(random, sizeof random, 0) != sizeof random)
		return -1;
	for (unsigned i = 0; i < CHARS; i++) {
		chars[i] = alphabet[random[i] & 31];
		if (i > 0 && i % GROUP == 0)
			text[n++] = '-';
		text[n++] = chars[i];
	}
	text[n] = '\0';
	memcpy(a->id, chars, GROUP);
	a->id[GROUP] = '\0';
	hash_of(chars, a->hash);
	explicit_bzero(random, sizeof random);
	explicit_bzero(chars, sizeof chars);
	return 0;
}

/* Without what does not count; false when it cannot be one. */
static bool normalise(struct str password, char chars[CHARS])
{
	size_t n = 0;

	for (size_t i = 0; i < password.n; i++) {
		if (password.p[i] == '-' || password.p[i] == ' ')
			continue;
		if (n == CHARS)
			return false;
		chars[n++] = ascii_lower(password.p[i]);
	}
	return n == CHARS;
}

const struct app_password *app_find(
    const struct account_record *r, struct str password, uint8_t scope, int64_t now)
{
	const struct app_password *found = NULL;
	uint8_t hash[APP_HASH_BYTES];
	char chars[CHARS];

	if (!normalise(password, chars))
		return NULL;
	hash_of(chars, hash);
	for (unsigned i = 0; i < r->napps; i++) {
		const struct app_password *a = &r->apps[i];

		if (memcmp(a->id, chars, GROUP) == 0 &&
		    CRYPTO_memcmp(a->hash, hash, sizeof hash) == 0 && (a->scopes & scope) != 0 &&
		    (a->expires == 0 || now < a->expires))
			found = a;
	}
	explicit_bzero(chars, sizeof chars);
	return found;
}
