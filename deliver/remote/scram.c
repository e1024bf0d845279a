/*
 * SCRAM. See scram.h. The library takes the messages apart and makes ours, but it never gets the
 * password: it is given what is derived from it, because the number of iterations is the server's, and
 * because the library leaves what it knows in freed memory.
 */
#include "scram.h"

#include <gsasl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"

enum { SALT_MAX = 1024, HASH_MAX = 32 };

struct scram {
	Gsasl_session *session;
	const char *secret;
	const EVP_MD *hash;
	const char *fault; /* found in the callback */
};

static Gsasl *library;

/* RFC 5802 2.2: the password is normalised first. Yours to clean; NULL when it cannot be. */
static char *normalised(const char *password)
{
	char *in = xstrdup(password), *out = NULL;
	int error = 0;

	if (str_find(str_of(password), '\0') == -1 &&
	    gsasl_saslprep(in, 0, &out, &error) != GSASL_OK)
		out = NULL;
	OPENSSL_cleanse(in, strlen(in));
	free(in);
	return out;
}

static int derive(struct scram *s, const char *iterations, const char *salt64, char *hex)
{
	unsigned char salt[SALT_MAX], key[HASH_MAX];
	size_t n = (size_t)EVP_MD_get_size(s->hash);
	ssize_t nsalt = -1;
	uint64_t rounds;
	char *password;
	int ok;

	if (str_u64(str_of(iterations), SASL_ITERATIONS_MAX, &rounds) == -1 || rounds == 0) {
		s->fault = "it demands too many iterations";
		return -1;
	}
	if (strlen(salt64) <= BASE64_SIZE(SALT_MAX) / 4 * 4 - 4)
		nsalt = base64_decode(str_of(salt64), (char *)salt);
	password = nsalt > 0 ? normalised(s->secret) : NULL;
	ok = password != NULL && PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt,
				     (int)nsalt, (int)rounds, s->hash, (int)n, key) == 1;
	if (password != NULL)
		OPENSSL_cleanse(password, strlen(password));
	gsasl_free(password);
	for (size_t i = 0; ok && i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
	OPENSSL_cleanse(key, sizeof key);
	if (!ok)
		s->fault = "its salt, or the password, is of no use";
	return ok ? 0 : -1;
}

static int callback(Gsasl *ctx, Gsasl_session *session, Gsasl_property property)
{
	struct scram *s = gsasl_session_hook_get(session);
	const char *iterations, *salt;
	char hex[2 * HASH_MAX + 1];

	(void)ctx;
	if (property != GSASL_SCRAM_SALTED_PASSWORD)
		return GSASL_NO_CALLBACK;
	iterations = gsasl_property_fast(session, GSASL_SCRAM_ITER);
	salt = gsasl_property_fast(session, GSASL_SCRAM_SALT);
	if (iterations == NULL || salt == NULL || derive(s, iterations, salt, hex) == -1)
		return GSASL_NO_CALLBACK;
	gsasl_property_set(session, GSASL_SCRAM_SALTED_PASSWORD, hex);
	OPENSSL_cleanse(hex, sizeof hex);
	return GSASL_OK;
}

int scram_open(void)
{
	if (gsasl_init(&library) != GSASL_OK)
		return -1;
	gsasl_callback_set(library, callback);
	return gsasl_client_support_p(library, "SCRAM-SHA-256-PLUS") &&
		       gsasl_client_support_p(library, "SCRAM-SHA-1-PLUS")
		   ? 0
		   : -1;
}

struct scram *scram_new(const struct sasl_login *l)
{
	const char *name = login_mechanism_name(l->mechanism);
	struct scram *s = xcalloc(1, sizeof *s);
	char exporter[BASE64_SIZE(SASL_EXPORTER) + 1];

	s->secret = l->secret;
	s->hash = str_starts(str_of(name), STR("SCRAM-SHA-256")) ? EVP_sha256() : EVP_sha1();
	if (gsasl_client_start(library, name, &s->session) != GSASL_OK) {
		free(s);
		return NULL;
	}
	gsasl_session_hook_set(s->session, s);
	gsasl_property_set(s->session, GSASL_AUTHID, l->user);
	/* the library fails by itself where it could bind the login and is not to */
	if (l->exporter != NULL && str_ends(str_of(name), STR("-PLUS"))) {
		exporter[base64_encode(str_bytes(l->exporter, SASL_EXPORTER), exporter)] = '\0';
		gsasl_property_set(s->session, GSASL_CB_TLS_EXPORTER, exporter);
	}
	return s;
}

void scram_free(struct scram *s)
{
	if (s == NULL)
		return;
	gsasl_finish(s->session);
	free(s);
}

int scram_step(struct scram *s, struct str challenge, struct buf *out, const char **why)
{
	char *text = NULL;
	size_t n = 0;
	int r;

	s->fault = NULL;
	r = gsasl_step(s->session, challenge.p, challenge.n, &text, &n);
	if (r == GSASL_OK || r == GSASL_NEEDS_MORE) {
		buf_put(out, text, n);
		gsasl_free(text);
		return r == GSASL_OK;
	}
	gsasl_free(text);
	if (s->fault != NULL)
		*why = s->fault;
	else if (r == GSASL_AUTHENTICATION_ERROR)
		*why = "it does not prove that it knows the password";
	else
		*why = "its messages are no SCRAM";
	return -1;
}
