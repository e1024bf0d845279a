/* Keys of DKIM: what is taken for one, what it signs, and that services/policy, taken over, gets no other signature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../../../services/keys/dkim.h"
#include "../../../../services/keys/keyfile.h"

#define FROM "From: <tls@mx.example.org>\r\n"

/* The "files": a path is the index of a key. */
static EVP_PKEY *keys[4];
static int file = -1;

static int find(const char *path, char *why)
{
	EVP_PKEY *key = keys[path[1] - '0'];
	FILE *f;

	if (key == NULL) {
		strcpy(why, "/0: No such file or directory");
		return -1;
	}
	if (file != -1)
		close(file);
	file = memfd_create("key", 0);
	f = fdopen(dup(file), "w");
	PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	return file;
}

static void add(struct conf *c, const char *title, const char *domain, const char *path)
{
	struct conf_section *s = conf_add_section(c, "dkim", str_of(title), "t.conf", 1);

	conf_set(c, s, "domain", str_of(domain), "t.conf", 1);
	conf_set(c, s, "selector", str_of(title), "t.conf", 1);
	conf_set(c, s, "key", str_of(path), "t.conf", 1);
}

static int setup(void **state)
{
	struct conf *c = conf_new();

	(void)state;
	keys[0] = EVP_RSA_gen(2048);
	keys[1] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	keys[2] = EVP_EC_gen("P-256");
	conf_set(c, NULL, "tls_report_sender", STR("tls@mx.example.org"), "t.conf", 1);
	add(c, "rsa", "Example.ORG", "/0");
	add(c, "ed", "mx.example.org", "/1");
	add(c, "ec", "example.org", "/2");
	add(c, "foreign", "x.example.org", "/0");
	add(c, "again", "mx.example.org", "/0");
	add(c, "missing", "example.org", "/3");
	dkim_configure(c);
	conf_free(c);
	return dkim_take(find, true) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		EVP_PKEY_free(keys[i]);
	dkim_clear();
	return 0;
}

/* --- what is told ----------------------------------------------------------------------------- */

struct heard {
	struct keys_dkim k[8];
	size_t n;
};

static void hear(void *arg, const struct keys_dkim *k)
{
	struct heard *h = arg;

	h->k[h->n++] = *k;
}

static struct heard told(enum role role)
{
	struct heard h = { .n = 0 };

	dkim_each(role, hear, &h);
	return h;
}

static void test_who_is_told(void **state)
{
	struct heard h = told(ROLE_POLICY);

	(void)state;
	assert_int_equal(h.n, 3);
	assert_int_equal(h.k[0].id, h.k[2].id);
	assert_true(str_eq(h.k[0].key.domain, STR("example.org")));
	assert_true(str_eq(h.k[0].key.algorithm, STR("rsa-sha256")));
	assert_true(str_eq(h.k[1].key.domain, STR("mx.example.org")));
	assert_true(str_eq(h.k[1].key.algorithm, STR("ed25519-sha256")));
	assert_int_equal(told(ROLE_SMTPD).n, 0);
	assert_int_equal(told(ROLE_REMOTE).n, 0);
}

static void test_description(void **state)
{
	struct buf out;

	(void)state;
	for (size_t i = 0; i < dkim_count(); i++) {
		buf_init(&out, 4096);
		assert_int_equal(dkim_describe(i, &out), i != 2 && i != 5);
		assert_non_null(
		    strstr(buf_cstr(&out), i == 2   ? "keys can be RSA of 2048"
					   : i == 5 ? "No such file"
					   : i == 1 ? "v=DKIM1; k=ed25519; s=email:tlsrpt; p="
						    : "v=DKIM1; k=rsa; s=email:tlsrpt; p=MIIB"));
		buf_clear(&out);
	}
}

/* --- signatures ------------------------------------------------------------------------------- */

static const char *try(const struct dkim_key *key, uint64_t id, enum role role, const char *header,
    struct buf *text, uint8_t *signature, size_t *n)
{
	static const char *const names[] = { "From", "Subject" };
	const uint8_t hash[DKIM_HASH] = { 0 };

	buf_init(text, DKIM_TEXT_MAX);
	assert_int_equal(dkim_text(key, str_of(header), names, 2, hash, 1, text), 0);
	return dkim_sign(id, role, buf_view(text), signature, n);
}

static void test_signatures(void **state)
{
	struct heard h = told(ROLE_POLICY);
	uint8_t signature[KEYS_SIGNATURE_MAX], hash[DKIM_HASH];
	struct buf text;
	size_t n;

	(void)state;
	for (size_t i = 0; i < h.n; i++) {
		EVP_MD_CTX *m = EVP_MD_CTX_new();

		assert_null(try(&h.k[i].key, h.k[i].id, ROLE_POLICY, FROM, &text, signature, &n));
		if (i != 1) {
			assert_int_equal(
			    EVP_DigestVerifyInit(m, NULL, EVP_sha256(), NULL, keys[0]), 1);
			assert_int_equal(
			    EVP_DigestVerify(m, signature, n, (const uint8_t *)text.p, text.n), 1);
		} else {
			EVP_Digest(text.p, text.n, hash, NULL, EVP_sha256(), NULL);
			assert_int_equal(EVP_DigestVerifyInit(m, NULL, NULL, NULL, keys[i]), 1);
			assert_int_equal(EVP_DigestVerify(m, signature, n, hash, sizeof hash), 1);
		}
		EVP_MD_CTX_free(m);
		buf_clear(&text);
	}
}

static void refused(const struct dkim_key *key, uint64_t id, enum role role, const char *header,
    const char *expected)
{
	uint8_t signature[KEYS_SIGNATURE_MAX];
	struct buf text;
	const char *why;
	size_t n;

	why = try(key, id, role, header, &text, signature, &n);
	assert_non_null(why);
	assert_string_equal(why, expected);
	buf_clear(&text);
}

static void test_taken_over(void **state)
{
	struct heard h = told(ROLE_POLICY);
	const struct dkim_key *rsa = &h.k[0].key;
	const char *foreign = "no such key for this peer", *other = "not a report's";
	const char *text = "not a text of DKIM for that key";
	uint64_t id = h.k[0].id;
	uint8_t signature[KEYS_SIGNATURE_MAX];
	struct dkim_key k = *rsa;
	size_t n;

	(void)state;
	refused(rsa, id, ROLE_SMTPD, FROM, foreign);
	refused(rsa, id + 1, ROLE_POLICY, FROM, foreign);
	/* for another domain, with another selector, or the other key's words */
	k.domain = STR("example.com");
	refused(&k, id, ROLE_POLICY, FROM, text);
	k = *rsa;
	k.selector = STR("ed");
	refused(&k, id, ROLE_POLICY, FROM, text);
	refused(&h.k[1].key, id, ROLE_POLICY, FROM, text);
	/* of somebody else, of nobody, of two */
	refused(rsa, id, ROLE_POLICY, "From: <ceo@mx.example.org>\r\n", other);
	refused(rsa, id, ROLE_POLICY, "From: <tls@mx.example.org>, <ceo@example.org>\r\n", other);
	refused(rsa, id, ROLE_POLICY, "From: tls@mx.example.org\r\n", other);
	refused(rsa, id, ROLE_POLICY, "Subject: x\r\n", other);
	refused(rsa, id, ROLE_POLICY, "From: <ceo@example.org>\r\n" FROM, other);
	/* something else than mail */
	assert_string_equal(
	    dkim_sign(id, ROLE_POLICY, STR("from:<tls@mx.example.org>\r\n"), signature, &n), text);
	assert_string_equal(dkim_sign(id, ROLE_POLICY, STR_NONE, signature, &n), text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_told),
		cmocka_unit_test(test_description),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_taken_over),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
