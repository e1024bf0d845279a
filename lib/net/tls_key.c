/*
 * Keys of which this process has the public half only: a provider for OpenSSL (provider(7)) whose
 * RSA, EC and Ed25519 keys are imported from a certificate and an id, cannot be exported, and sign
 * by asking the signer. libssl hands digest_sign() the whole text that a handshake signs, so the
 * other side can see what it is asked for.
 *
 * Beside them the provider has the key schedule (tls_schedule.c); everything else, also with these
 * keys' public halves, is done by OpenSSL's default provider, which the library context prefers.
 */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "tls_internal.h"

#define PROVIDER "thurn-keys"
#define KEY_ID   "thurn-key-id"

static OSSL_LIB_CTX *library;

/* A key as the provider holds it. */
struct half_key {
	const char *type; /* "RSA", "EC", "ED25519" */
	EVP_PKEY *public;
	bool has_id;
	uint64_t id;
};

/* --- key management --------------------------------------------------------------------------- */

static void *key_new(const char *type)
{
	struct half_key *k = xcalloc(1, sizeof *k);

	k->type = type;
	return k;
}

static void *rsa_new(void *provider)
{
	(void)provider;
	return key_new("RSA");
}

static void *ec_new(void *provider)
{
	(void)provider;
	return key_new("EC");
}

static void *ed25519_new(void *provider)
{
	(void)provider;
	return key_new("ED25519");
}

static void key_free(void *key)
{
	struct half_key *k = key;

	if (k != NULL)
		EVP_PKEY_free(k->public);
	free(k);
}

static int key_has(const void *key, int what)
{
	const struct half_key *k = key;

	if ((what & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 && k->public == NULL)
		return 0;
	return (what & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || k->has_id;
}

static int key_match(const void *a, const void *b, int what)
{
	const struct half_key *x = a, *y = b;

	(void)what;
	return x->public != NULL && y->public != NULL && EVP_PKEY_eq(x->public, y->public) == 1;
}

static int key_import(void *key, int what, const OSSL_PARAM params[])
{
	struct half_key *k = key;
	const OSSL_PARAM *id = OSSL_PARAM_locate_const(params, KEY_ID);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(library, k->type, "provider=default");
	int r;

	(void)what;
	r = c != NULL && EVP_PKEY_fromdata_init(c) > 0 &&
	    EVP_PKEY_fromdata(c, &k->public, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)(uintptr_t)params) >
		0;
	EVP_PKEY_CTX_free(c);
	if (r && id != NULL)
		r = k->has_id = OSSL_PARAM_get_uint64(id, &k->id) == 1;
	return r;
}

static const OSSL_PARAM *key_import_types(int what)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_uint64(KEY_ID, NULL),
		OSSL_PARAM_END,
	};

	(void)what;
	return types;
}

static int key_get_params(void *key, OSSL_PARAM params[])
{
	const struct half_key *k = key;

	return EVP_PKEY_get_params(k->public, params);
}

static const OSSL_PARAM *key_gettable(void *provider)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)provider;
	return gettable;
}

static const char *ec_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

#define KEY_MANAGEMENT(name, new_fn, ...)                                                          \
	static const OSSL_DISPATCH name[] = {                                                      \
		{ OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))(new_fn) },                               \
		{ OSSL_FUNC_KEYMGMT_FREE, (void (*)(void))key_free },                              \
		{ OSSL_FUNC_KEYMGMT_HAS, (void (*)(void))key_has },                                \
		{ OSSL_FUNC_KEYMGMT_MATCH, (void (*)(void))key_match },                            \
		{ OSSL_FUNC_KEYMGMT_IMPORT, (void (*)(void))key_import },                          \
		{ OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))key_import_types },              \
		{ OSSL_FUNC_KEYMGMT_GET_PARAMS, (void (*)(void))key_get_params },                  \
		{ OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))key_gettable },               \
		__VA_ARGS__{ 0, NULL },                                                            \
	}

KEY_MANAGEMENT(rsa_management, rsa_new);
KEY_MANAGEMENT(ec_management, ec_new,
    { OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))ec_operation }, );
KEY_MANAGEMENT(ed25519_management, ed25519_new);

/* --- signatures ------------------------------------------------------------------------------- */

struct signing {
	struct half_key *key;
	char digest[4]; /* "256" */
	bool pss;
};

static const struct {
	const char *type, *digest;
	bool pss;
	uint16_t scheme;
} schemes[] = {
	{ "EC", "256", false, TLS_ECDSA_SHA256 },
	{ "EC", "384", false, TLS_ECDSA_SHA384 },
	{ "RSA", "256", true, TLS_RSA_PSS_SHA256 },
	{ "RSA", "384", true, TLS_RSA_PSS_SHA384 },
	{ "RSA", "512", true, TLS_RSA_PSS_SHA512 },
	{ "RSA", "256", false, TLS_RSA_PKCS1_SHA256 },
	{ "RSA", "384", false, TLS_RSA_PKCS1_SHA384 },
	{ "RSA", "512", false, TLS_RSA_PKCS1_SHA512 },
	{ "ED25519", "", false, TLS_ED25519 },
};

/* 0 = none that TLS has. */
static uint16_t find_scheme(const struct signing *s)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (strcmp(schemes[i].type, s->key->type) == 0 && schemes[i].pss == s->pss &&
		    strcmp(schemes[i].digest, s->digest) == 0)
			return schemes[i].scheme;
	return 0;
}

static void *signing_new(void *provider, const char *properties)
{
	(void)provider;
	(void)properties;
	return xcalloc(1, sizeof(struct signing));
}

static void signing_free(void *context)
{
	free(context);
}

/* Of what can be set, only the padding matters: lengths of salts are those of TLS. */
static int signing_set_params(void *context, const OSSL_PARAM params[])
{
	struct signing *s = context;
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	int mode;

	if (p == NULL)
		return 1;
	if (p->data_type == OSSL_PARAM_UTF8_STRING)
		s->pss = strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
	else if (OSSL_PARAM_get_int(p, &mode) == 1)
		s->pss = mode == RSA_PKCS1_PSS_PADDING;
	else
		return 0;
	return 1;
}

static const OSSL_PARAM *signing_settable(void *context, void *provider)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)context;
	(void)provider;
	return settable;
}

/* digest: "SHA256", "SHA2-256", or none */
static int signing_init(void *context, const char *digest, void *key, const OSSL_PARAM params[])
{
	struct signing *s = context;
	struct str d = str_of(digest);

	s->key = key;
	if (str_starts(d, STR("SHA")))
		d = str_skip(d, str_starts(d, STR("SHA2-")) ? 5 : 3);
	if (str_copy(d, s->digest, sizeof s->digest) == -1)
		return 0;
	return s->key->has_id && signing_set_params(s, params);
}

static int signing_sign(void *context, unsigned char *signature, size_t *n, size_t size,
    const unsigned char *text, size_t text_n)
{
	const struct signing *s = context;
	size_t most = (size_t)EVP_PKEY_get_size(s->key->public);
	struct tls_sign request = { .key = s->key->id, .scheme = find_scheme(s) };
	struct str answer;

	if (signature == NULL) {
		*n = most;
		return 1;
	}
	if (request.scheme == 0 || text_n > TLS_TEXT_MAX)
		return 0;
	request.text = str_bytes(text, text_n);
	answer = tls_sign_now(&request);
	if (answer.n == 0 || answer.n > size || answer.n > most)
		return 0;
	memcpy(signature, answer.p, answer.n);
	*n = answer.n;
	return 1;
}

static const OSSL_DISPATCH signing_functions[] = {
	{ OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))signing_new },
	{ OSSL_FUNC_SIGNATURE_FREECTX, (void (*)(void))signing_free },
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (void (*)(void))signing_init },
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (void (*)(void))signing_sign },
	{ OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (void (*)(void))signing_set_params },
	{ OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (void (*)(void))signing_settable },
	{ 0, NULL },
};

/* --- the provider ----------------------------------------------------------------------------- */

#define MINE "provider=" PROVIDER

static const OSSL_ALGORITHM managements[] = {
	{ "RSA:rsaEncryption", MINE, rsa_management },
	{ "EC:id-ecPublicKey", MINE, ec_management },
	{ "ED25519", MINE, ed25519_management },
	{ NULL },
};

static const OSSL_ALGORITHM signatures[] = {
	{ "RSA:rsaEncryption", MINE, signing_functions },
	{ "ECDSA", MINE, signing_functions },
	{ "ED25519", MINE, signing_functions },
	{ NULL },
};

/* not MINE: nobody asks for it by name */
static const OSSL_ALGORITHM derivations[] = {
	{ OSSL_KDF_NAME_TLS1_3_KDF, "provider=thurn,thurn.schedule=yes", tls_schedule_functions },
	{ NULL },
};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
	(void)provider;
	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_KEYMGMT:
		return managements;
	case OSSL_OP_SIGNATURE:
		return signatures;
	case OSSL_OP_KDF:
		return derivations;
	default:
		return NULL;
	}
}

static int provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *from_core,
    const OSSL_DISPATCH **to_core, void **provider)
{
	static const OSSL_DISPATCH functions[] = {
		{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query },
		{ 0, NULL },
	};

	(void)from_core;
	*to_core = functions;
	*provider = (void *)(uintptr_t)core;
	return 1;
}

void tls_key_open(OSSL_LIB_CTX *l)
{
	library = l;
	/* an algorithm that both have is the default provider's, unless asked otherwise; all but the
	 * key schedule */
	if (OSSL_PROVIDER_load(l, "default") == NULL ||
	    OSSL_PROVIDER_add_builtin(l, PROVIDER, provider_init) != 1 ||
	    OSSL_PROVIDER_load(l, PROVIDER) == NULL ||
	    EVP_set_default_properties(l, "?provider!=" PROVIDER ",?thurn.schedule=yes") != 1)
		abort();
}

EVP_PKEY *tls_key_new(X509 *certificate, uint64_t id)
{
	EVP_PKEY *public = X509_get0_pubkey(certificate), *key = NULL;
	OSSL_PARAM *params = NULL, *all = NULL;
	OSSL_PARAM more[] = { OSSL_PARAM_construct_uint64(KEY_ID, &id),
		OSSL_PARAM_construct_end() };
	EVP_PKEY_CTX *c = NULL;

	if (public == NULL || EVP_PKEY_todata(public, EVP_PKEY_PUBLIC_KEY, &params) != 1)
		return NULL;
	all = OSSL_PARAM_merge(params, more);
	c = EVP_PKEY_CTX_new_from_name(library, EVP_PKEY_get0_type_name(public), MINE);
	if (all == NULL || c == NULL || EVP_PKEY_fromdata_init(c) <= 0 ||
	    EVP_PKEY_fromdata(c, &key, EVP_PKEY_KEYPAIR, all) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(c);
	OSSL_PARAM_free(all);
	OSSL_PARAM_free(params);
	return key;
}
