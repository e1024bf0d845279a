/* The key schedule of TLS 1.3: the traces of RFC 8448, and what OpenSSL's own makes of the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>
#include <string.h>

#include "net/tls_internal.h"

enum { OUT = 400, NONE = SIZE_MAX };

struct input {
	int mode;
	const char *digest, *label;
	const uint8_t *secret, *salt, *context;
	size_t secret_n, salt_n, context_n; /* NONE = not given */
};

static int derive(OSSL_LIB_CTX *library, const struct input *in, uint8_t *out, size_t n)
{
	OSSL_PARAM params[8], *p = params;
	EVP_KDF *kdf = EVP_KDF_fetch(library, OSSL_KDF_NAME_TLS1_3_KDF, NULL);
	EVP_KDF_CTX *c = EVP_KDF_CTX_new(kdf);
	int mode = in->mode, r;

	assert_non_null(c);
	*p++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	*p++ = OSSL_PARAM_construct_utf8_string(
	    OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)in->digest, 0);
	if (in->secret_n != NONE)
		*p++ = OSSL_PARAM_construct_octet_string(
		    OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)in->secret, in->secret_n);
	if (in->salt_n != NONE)
		*p++ = OSSL_PARAM_construct_octet_string(
		    OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)in->salt, in->salt_n);
	*p++ = OSSL_PARAM_construct_octet_string(
	    OSSL_KDF_PARAM_PREFIX, (void *)(uintptr_t) "tls13 ", 6);
	*p++ = OSSL_PARAM_construct_octet_string(
	    OSSL_KDF_PARAM_LABEL, (void *)(uintptr_t)in->label, strlen(in->label));
	if (in->context_n != NONE)
		*p++ = OSSL_PARAM_construct_octet_string(
		    OSSL_KDF_PARAM_DATA, (void *)(uintptr_t)in->context, in->context_n);
	*p = OSSL_PARAM_construct_end();
	r = EVP_KDF_derive(c, out, n, params);
	EVP_KDF_CTX_free(c);
	EVP_KDF_free(kdf);
	ERR_clear_error();
	return r;
}

static void assert_hex(const uint8_t *bytes, size_t n, const char *hex)
{
	long size;
	uint8_t *wanted = OPENSSL_hexstr2buf(hex, &size);

	assert_int_equal(size, n);
	assert_memory_equal(bytes, wanted, n);
	OPENSSL_free(wanted);
}

static void test_it_is_ours(void **state)
{
	EVP_KDF *kdf = EVP_KDF_fetch(tls_library(), OSSL_KDF_NAME_TLS1_3_KDF, NULL);
	EVP_MD *md = EVP_MD_fetch(tls_library(), "SHA256", NULL);

	(void)state;
	assert_string_equal(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(kdf)), "thurn-keys");
	assert_string_equal(OSSL_PROVIDER_get0_name(EVP_MD_get0_provider(md)), "default");
	EVP_KDF_free(kdf);
	EVP_MD_free(md);
}

/* RFC 8448 3: the early secret, and the handshake secret that follows it */
static void test_traces(void **state)
{
	long n;
	uint8_t early[32], next[32],
	    *shared = OPENSSL_hexstr2buf(
		"8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d", &n);
	struct input in = { EVP_KDF_HKDF_MODE_EXTRACT_ONLY, "SHA256", "derived", NULL, NULL, NULL,
		NONE, NONE, NONE };

	(void)state;
	assert_int_equal(derive(tls_library(), &in, early, 32), 1);
	assert_hex(early, 32, "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a");
	in.secret = shared;
	in.secret_n = 32;
	in.salt = early;
	in.salt_n = 32;
	assert_int_equal(derive(tls_library(), &in, next, 32), 1);
	assert_hex(next, 32, "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac");
	OPENSSL_free(shared);
}

/* Whatever it is asked, it answers, or fails, as OpenSSL's does. */
static void test_as_openssl(void **state)
{
	static const char *const digests[] = { "SHA256", "SHA2-256", "SHA384", "sha2-384" };
	static const char *const labels[] = { "derived", "key", "iv", "c hs traffic",
		"EXPORTER-Channel-Binding" };
	static const size_t sizes[] = { 1, 12, 16, 32, 33, 48, 49, 96, OUT };
	static const size_t contexts[] = { NONE, 0, 1, 32, 48, 64, 255 };
	uint8_t secret[48], salt[48], context[255], ours[OUT], theirs[OUT];

	(void)state;
	for (size_t i = 0; i < sizeof context; i++)
		context[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < sizeof secret; i++) {
		secret[i] = (uint8_t)(i * 11 + 3);
		salt[i] = (uint8_t)(i * 13 + 5);
	}
	for (size_t d = 0; d < 4; d++) {
		size_t size = d < 2 ? 32 : 48;

		for (size_t l = 0; l < 5; l++)
			for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
				for (size_t c = 0; c < sizeof contexts / sizeof *contexts; c++) {
					struct input in = { EVP_KDF_HKDF_MODE_EXPAND_ONLY,
						digests[d], labels[l], secret, salt, context, size,
						NONE, contexts[c] };

					assert_int_equal(
					    derive(tls_library(), &in, ours, sizes[s]), 1);
					assert_int_equal(derive(NULL, &in, theirs, sizes[s]), 1);
					assert_memory_equal(ours, theirs, sizes[s]);
				}
		for (int has = 0; has < 4; has++) {
			struct input in = { EVP_KDF_HKDF_MODE_EXTRACT_ONLY, digests[d], "derived",
				secret, salt, NULL, has & 1 ? size : NONE, has & 2 ? size : NONE,
				NONE };

			assert_int_equal(derive(tls_library(), &in, ours, size), 1);
			assert_int_equal(derive(NULL, &in, theirs, size), 1);
			assert_memory_equal(ours, theirs, size);
			assert_int_not_equal(derive(tls_library(), &in, ours, size - 1), 1);
		}
	}
}

static void test_refused(void **state)
{
	static const uint8_t bytes[300];
	static uint8_t out[16384];
	static char label[300];
	static const struct {
		struct input in;
		size_t size;
	} rows[] = {
		{ { EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, "SHA256", "key", bytes, bytes, bytes, 32,
		      32, 32 },
		    32 },
		{ { EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA512", "key", bytes, NULL, NULL, 32, NONE,
		      NONE },
		    32 },
		{ { EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA256", "key", NULL, NULL, NULL, NONE, NONE,
		      NONE },
		    32 },
		{ { EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA256", "key", bytes, NULL, NULL, 65, NONE,
		      NONE },
		    32 },
		{ { EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA256", "key", bytes, NULL, bytes, 32, NONE,
		      256 },
		    32 },
		{ { EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA256", "key", bytes, NULL, NULL, 32, NONE,
		      NONE },
		    255 * 32 + 1 },
		{ { EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA256", label, bytes, NULL, NULL, 32, NONE,
		      NONE },
		    32 },
	};

	(void)state;
	memset(label, 'x', 250);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_not_equal(derive(tls_library(), &rows[i].in, out, rows[i].size), 1);
	label[249] = '\0';
	assert_int_equal(derive(tls_library(), &rows[6].in, out, 32), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_is_ours),
		cmocka_unit_test(test_traces),
		cmocka_unit_test(test_as_openssl),
		cmocka_unit_test(test_refused),
	};

	tls_open();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
