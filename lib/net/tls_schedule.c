/*
 * The key schedule of TLS 1.3 (RFC 8446 7.1): the KDF that libssl asks for each of the some twenty
 * secrets of a handshake. OpenSSL's own copies what it is given, and looks up digests by name, each
 * time, which was a tenth of what a resumed handshake costs. This one reads what it is given
 * where it is, and its digests are looked up once.
 *
 * All that differs from one derivation to the next comes with it, so there is no state. A process
 * makes its handshakes in one thread.
 */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <stdlib.h>
#include <string.h>

#include "tls_internal.h"

enum {
	BLOCK_MAX = 128, /* bytes of a block of SHA-384 */
	LABEL_MAX = 255, /* RFC 8446 7.1: of a label with its prefix, and of a context */
	EXPAND_MAX = 255, /* hashes, RFC 5869 2.3 */
	INFO = 5, /* parts of an HkdfLabel */
};

static struct hash {
	const char *name, *other; /* as libssl calls it */
	EVP_MD *md;
	EVP_MD_CTX *state;
	size_t size, block;
	uint8_t empty[EVP_MAX_MD_SIZE]; /* of nothing */
} hashes[] = { { "SHA256", "SHA2-256" }, { "SHA384", "SHA2-384" } };

enum { HASHES = sizeof hashes / sizeof *hashes };

/* One derivation: what stands in its parameters. */
struct derivation {
	int mode;
	struct hash *hash;
	struct str secret, salt, prefix, label, context;
	bool has_secret, has_salt;
};

/* --- HMAC and HKDF ---------------------------------------------------------------------------- */

static bool begin(struct hash *h, const uint8_t *pad)
{
	return EVP_DigestInit_ex2(h->state, h->md, NULL) == 1 &&
	       EVP_DigestUpdate(h->state, pad, h->block) == 1;
}

/* RFC 2104, over all of the parts. Keys are no longer than a block here. */
static bool hmac(
    struct hash *h, struct str key, const struct str *parts, size_t n, uint8_t out[EVP_MAX_MD_SIZE])
{
	uint8_t inner[BLOCK_MAX], outer[BLOCK_MAX];
	bool good = key.n <= h->block;

	for (size_t i = 0; good && i < h->block; i++) {
		uint8_t k = i < key.n ? (uint8_t)key.p[i] : 0;

		inner[i] = k ^ 0x36;
		outer[i] = k ^ 0x5c;
	}
	good = good && begin(h, inner);
	for (size_t i = 0; good && i < n; i++)
		good = EVP_DigestUpdate(h->state, parts[i].p, parts[i].n) == 1;
	good = good && EVP_DigestFinal_ex(h->state, out, NULL) == 1 && begin(h, outer) &&
	       EVP_DigestUpdate(h->state, out, h->size) == 1 &&
	       EVP_DigestFinal_ex(h->state, out, NULL) == 1;
	explicit_bzero(inner, sizeof inner);
	explicit_bzero(outer, sizeof outer);
	return good;
}

/* RFC 5869 2.3 */
static bool expand(
    struct hash *h, struct str secret, const struct str info[INFO], uint8_t *out, size_t size)
{
	uint8_t block[EVP_MAX_MD_SIZE], count = 0;
	struct str parts[1 + INFO + 1] = { STR_NONE }; /* the block before, the info, the count */
	bool good = size <= EXPAND_MAX * h->size;

	for (size_t i = 0; i < INFO; i++)
		parts[1 + i] = info[i];
	for (size_t done = 0, n; good && done < size; done += n) {
		n = size - done < h->size ? size - done : h->size;
		count++;
		parts[1 + INFO] = str_bytes(&count, 1);
		good = hmac(h, secret, parts, 1 + INFO + 1, block);
		if (good)
			memcpy(out + done, block, n);
		parts[0] = str_bytes(block, h->size);
	}
	explicit_bzero(block, sizeof block);
	return good;
}

/* RFC 8446 7.1: HKDF-Expand-Label */
static bool expand_label(
    const struct derivation *d, struct str secret, struct str context, uint8_t *out, size_t size)
{
	const uint8_t head[3] = { (uint8_t)(size >> 8), (uint8_t)size,
		(uint8_t)(d->prefix.n + d->label.n) };
	const uint8_t context_size = (uint8_t)context.n;
	const struct str info[INFO] = { str_bytes(head, sizeof head), d->prefix, d->label,
		str_bytes(&context_size, 1), context };

	return d->prefix.n + d->label.n <= LABEL_MAX && context.n <= LABEL_MAX &&
	       size <= UINT16_MAX && expand(d->hash, secret, info, out, size);
}

/*
 * The next secret of the chain: HKDF-Extract of what is new (nothing: zeros), salted with what the
 * secret before gives (none: nothing).
 */
static bool extract(const struct derivation *d, uint8_t *out, size_t size)
{
	static const uint8_t zeros[EVP_MAX_MD_SIZE];
	struct hash *h = d->hash;
	uint8_t derived[EVP_MAX_MD_SIZE];
	struct str salt = STR_NONE, secret = d->has_secret ? d->secret : str_bytes(zeros, h->size);
	bool good = size == h->size;

	if (good && d->has_salt) {
		good = expand_label(d, d->salt, str_bytes(h->empty, h->size), derived, h->size);
		salt = str_bytes(derived, h->size);
	}
	good = good && hmac(h, salt, &secret, 1, out);
	explicit_bzero(derived, sizeof derived);
	return good;
}

/* --- the KDF ---------------------------------------------------------------------------------- */

static struct hash *find_hash(const char *name)
{
	for (size_t i = 0; i < HASHES; i++)
		if (OPENSSL_strcasecmp(name, hashes[i].name) == 0 ||
		    OPENSSL_strcasecmp(name, hashes[i].other) == 0)
			return &hashes[i];
	return NULL;
}

static bool bytes_of(const OSSL_PARAM *p, struct str *out)
{
	*out = str_bytes(p->data, p->data_size);
	return p->data_type == OSSL_PARAM_OCTET_STRING && (p->data != NULL || p->data_size == 0);
}

/* What is not listed is of no meaning here. */
static bool read_params(const OSSL_PARAM params[], struct derivation *d)
{
	const struct {
		const char *name;
		struct str *to;
		bool *has;
	} rows[] = {
		{ OSSL_KDF_PARAM_KEY, &d->secret, &d->has_secret },
		{ OSSL_KDF_PARAM_SALT, &d->salt, &d->has_salt },
		{ OSSL_KDF_PARAM_PREFIX, &d->prefix, NULL },
		{ OSSL_KDF_PARAM_LABEL, &d->label, NULL },
		{ OSSL_KDF_PARAM_DATA, &d->context, NULL },
	};

	for (const OSSL_PARAM *p = params; p != NULL && p->key != NULL; p++) {
		if (strcmp(p->key, OSSL_KDF_PARAM_MODE) == 0 &&
		    OSSL_PARAM_get_int(p, &d->mode) != 1)
			return false;
		if (strcmp(p->key, OSSL_KDF_PARAM_DIGEST) == 0 &&
		    p->data_type == OSSL_PARAM_UTF8_STRING)
			d->hash = find_hash(p->data);
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			if (strcmp(p->key, rows[i].name) != 0)
				continue;
			if (!bytes_of(p, rows[i].to))
				return false;
			if (rows[i].has != NULL)
				*rows[i].has = true;
		}
	}
	return d->hash != NULL;
}

static int kdf_derive(void *kdf, unsigned char *out, size_t size, const OSSL_PARAM params[])
{
	struct derivation d = { .mode = -1 };

	(void)kdf;
	if (!read_params(params, &d))
		return 0;
	switch (d.mode) {
	case EVP_KDF_HKDF_MODE_EXTRACT_ONLY:
		return extract(&d, out, size);
	case EVP_KDF_HKDF_MODE_EXPAND_ONLY:
		return d.has_secret && expand_label(&d, d.secret, d.context, out, size);
	default:
		return 0;
	}
}

static void *kdf_new(void *provider)
{
	return provider; /* any that is not NULL */
}

static void kdf_free(void *kdf)
{
	(void)kdf;
}

static int kdf_set_params(void *kdf, const OSSL_PARAM params[])
{
	(void)kdf;
	(void)params; /* libssl gives all of them with the derivation */
	return 1;
}

const OSSL_DISPATCH tls_schedule_functions[] = {
	{ OSSL_FUNC_KDF_NEWCTX, (void (*)(void))kdf_new },
	{ OSSL_FUNC_KDF_FREECTX, (void (*)(void))kdf_free },
	{ OSSL_FUNC_KDF_SET_CTX_PARAMS, (void (*)(void))kdf_set_params },
	{ OSSL_FUNC_KDF_DERIVE, (void (*)(void))kdf_derive },
	{ 0, NULL },
};

void tls_schedule_open(OSSL_LIB_CTX *library)
{
	for (size_t i = 0; i < HASHES; i++) {
		struct hash *h = &hashes[i];

		h->md = EVP_MD_fetch(library, h->name, NULL);
		h->state = EVP_MD_CTX_new();
		if (h->md == NULL || h->state == NULL ||
		    EVP_Digest("", 0, h->empty, NULL, h->md, NULL) != 1)
			abort();
		h->size = (size_t)EVP_MD_get_size(h->md);
		h->block = (size_t)EVP_MD_get_block_size(h->md);
	}
}
