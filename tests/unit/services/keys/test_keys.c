/* What services/keys takes for a pair, what it signs, and which pair it keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../../../services/keys/anchors.h"
#include "../../../../services/keys/sign.h"
#include "../../../../services/keys/store.h"
#include "../../../../services/keys/tickets.h"

enum { DAY = 86400, NOW = 1800000000 };

/* --- PEM -------------------------------------------------------------------------------------- */

struct pem {
	char *p;
	size_t n;
};

static struct pem take(BIO *b)
{
	struct pem out;
	char *p;
	long n = BIO_get_mem_data(b, &p);

	out.n = (size_t)n;
	out.p = malloc(out.n + 1);
	memcpy(out.p, p, out.n);
	out.p[out.n] = '\0';
	BIO_free(b);
	return out;
}

static struct str view(struct pem p)
{
	return str_bytes(p.p, p.n);
}

static struct pem certificate_pem(EVP_PKEY *key, const char *names, long from, long to, int copies)
{
	BIO *b = BIO_new(BIO_s_mem());
	X509 *x = X509_new();
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

	ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
	X509_set_version(x, 2);
	ASN1_TIME_set(X509_getm_notBefore(x), NOW + from);
	ASN1_TIME_set(X509_getm_notAfter(x), NOW + to);
	X509_set_pubkey(x, key);
	X509_add_ext(x, san, -1);
	X509_sign(x, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256());
	for (int i = 0; i < copies; i++)
		PEM_write_bio_X509(b, x);
	X509_EXTENSION_free(san);
	X509_free(x);
	return take(b);
}

static struct pem key_pem(EVP_PKEY *key, const char *passphrase)
{
	BIO *b = BIO_new(BIO_s_mem());

	PEM_write_bio_PrivateKey(b, key, passphrase == NULL ? NULL : EVP_aes_256_cbc(),
	    (const unsigned char *)passphrase, passphrase == NULL ? 0 : (int)strlen(passphrase),
	    NULL, NULL);
	return take(b);
}

static struct fixture {
	EVP_PKEY *ec, *other, *p384, *rsa, *weak, *ed;
	struct pem ec_cert, ec_key;
} f;

static void test_pairs(void **state)
{
	struct {
		EVP_PKEY *key;
		const char *kind; /* NULL = refused */
	} rows[] = { { f.ec, "EC" }, { f.p384, "EC" }, { f.rsa, "RSA" }, { f.ed, "ED25519" },
		{ f.weak, NULL } };
	char why[KEYFILE_WHY];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pem c =
		    certificate_pem(rows[i].key, "DNS:a.example,DNS:*.b.example", 0, DAY, 2);
		struct pem k = key_pem(rows[i].key, NULL);
		struct pair *p = pair_parse(view(c), view(k), why);

		assert_int_equal(p != NULL, rows[i].kind != NULL);
		if (p != NULL) {
			assert_string_equal(p->kind, rows[i].kind);
			assert_string_equal(p->names, "a.example *.b.example");
			assert_int_equal(p->certificate.n, 2);
			assert_int_equal(p->not_before, NOW);
			assert_int_equal(p->not_after, NOW + DAY);
			assert_null(pair_date_fault(p, NOW));
			assert_string_equal(
			    pair_date_fault(p, NOW - 1), "the certificate is not valid yet");
			assert_string_equal(
			    pair_date_fault(p, NOW + DAY), "the certificate has expired");
			assert_int_equal(pair_days(p, NOW), 1);
			assert_int_equal(pair_days(p, NOW + 1), 0);
			assert_int_equal(pair_days(p, NOW + DAY + 1), -1);
		} else {
			assert_true(strstr(why, "RSA of 2048") != NULL);
		}
		pair_free(p);
		free(c.p);
		free(k.p);
	}
}

static void refused(struct str certificate, struct str key, const char *expected)
{
	char why[KEYFILE_WHY];

	assert_null(pair_parse(certificate, key, why));
	if (strstr(why, expected) == NULL)
		fail_msg("\"%s\" is not about \"%s\"", why, expected);
}

static void test_bad_pairs(void **state)
{
	struct pem other = key_pem(f.other, NULL), locked = key_pem(f.ec, "secret");
	struct pem many = certificate_pem(f.ec, "DNS:a", 0, DAY, 11);
	struct str cert = view(f.ec_cert), key = view(f.ec_key);

	(void)state;
	refused(cert, view(other), "not that of the certificate");
	refused(cert, view(locked), "encrypted");
	refused(STR(""), key, "no certificate");
	refused(key, key, "no certificate");
	refused(cert, STR(""), "no private key");
	refused(cert, cert, "no private key");
	refused(view(many), key, "chain is too long");
	/* cut anywhere, and with any byte changed: never a crash, and never a pair that is half of
	 * one */
	for (size_t i = 0; i < cert.n; i++) {
		char why[KEYFILE_WHY], *copy = malloc(cert.n);
		struct pair *p;

		pair_free(pair_parse(str_take(cert, i), key, why));
		memcpy(copy, cert.p, cert.n);
		copy[i] ^= 0x11;
		p = pair_parse(str_bytes(copy, cert.n), key, why);
		if (p != NULL)
			assert_int_equal(p->certificate.n, 1);
		pair_free(p);
		free(copy);
	}
	free(other.p);
	free(locked.p);
	free(many.p);
}

static void test_both_in_one_file(void **state)
{
	char why[KEYFILE_WHY], *both;
	struct pair *p;

	(void)state;
	assert_true(asprintf(&both, "%s%s", f.ec_key.p, f.ec_cert.p) > 0);
	p = pair_parse(str_of(both), str_of(both), why);
	assert_non_null(p);
	pair_free(p);
	free(both);
}

/* --- signatures ------------------------------------------------------------------------------- */

static struct str text_13(char *space, const char *who, size_t hash)
{
	size_t n = (size_t)sprintf(space, "%64s%s", "", who) + 1;

	memset(space + n, 'h', hash);
	return str_bytes(space, n + hash);
}

static struct str text_12(char *space, uint16_t group, uint8_t point)
{
	memset(space, 'r', 64);
	space[64] = 3;
	space[65] = (char)(group >> 8);
	space[66] = (char)group;
	space[67] = (char)point;
	memset(space + 68, 'p', point);
	return str_bytes(space, 68u + point);
}

#define SERVER "TLS 1.3, server CertificateVerify"
#define CLIENT "TLS 1.3, client CertificateVerify"

static void test_texts(void **state)
{
	char s[512];
	struct str t;

	(void)state;
	assert_int_equal(sign_text(text_13(s, SERVER, 32)), SIGN_SERVER_13);
	assert_int_equal(sign_text(text_13(s, SERVER, 48)), SIGN_SERVER_13);
	assert_int_equal(sign_text(text_13(s, CLIENT, 32)), SIGN_CLIENT_13);
	assert_int_equal(sign_text(text_13(s, SERVER, 31)), 0);
	assert_int_equal(sign_text(text_13(s, SERVER, 64)), 0);
	assert_int_equal(sign_text(text_13(s, "TLS 1.3, server certificateVerify", 32)), 0);
	assert_int_equal(sign_text(text_12(s, 29, 32)), SIGN_SERVER_12);
	assert_int_equal(sign_text(text_12(s, 23, 65)), SIGN_SERVER_12);
	assert_int_equal(sign_text(text_12(s, 24, 97)), SIGN_SERVER_12);
	assert_int_equal(sign_text(text_12(s, 25, 133)), 0);
	assert_int_equal(sign_text(text_12(s, 29, 65)), 0);
	/* every byte that has a meaning counts, and so does the length */
	t = text_13(s, SERVER, 32);
	for (size_t i = 0; i < t.n - 32; i++) {
		s[i] ^= 1;
		assert_int_equal(sign_text(t), 0);
		s[i] ^= 1;
		assert_int_equal(sign_text(str_take(t, i)), 0);
	}
	t = text_12(s, 23, 65);
	for (size_t i = 64; i < 68; i++) {
		s[i] ^= 1;
		assert_int_equal(sign_text(t), 0);
		s[i] ^= 1;
	}
	for (size_t i = 0; i < t.n; i++)
		assert_int_equal(sign_text(str_take(t, i)), 0);
	assert_int_equal(sign_text(STR("arbitrary certificate TBS")), 0);
}

static bool verifies(
    EVP_PKEY *key, const EVP_MD *md, bool pss, struct str text, const uint8_t *sig, size_t n)
{
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	EVP_PKEY_CTX *c;
	bool good =
	    EVP_DigestVerifyInit(m, &c, md, NULL, key) == 1 &&
	    (!pss || (EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) == 1 &&
			 EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
	    EVP_DigestVerify(m, sig, n, (const uint8_t *)text.p, text.n) == 1;

	EVP_MD_CTX_free(m);
	return good;
}

static void test_signatures(void **state)
{
	enum { ALL = SIGN_SERVER_13 | SIGN_SERVER_12 };
	struct {
		EVP_PKEY *key;
		uint16_t scheme;
		const EVP_MD *md;
		bool pss, in_13, in_12;
	} rows[] = {
		{ f.ec, TLS_ECDSA_SHA256, EVP_sha256(), false, true, true },
		{ f.ec, TLS_ECDSA_SHA384, EVP_sha384(), false, false, true },
		{ f.p384, TLS_ECDSA_SHA384, EVP_sha384(), false, true, true },
		{ f.rsa, TLS_RSA_PSS_SHA256, EVP_sha256(), true, true, true },
		{ f.rsa, TLS_RSA_PSS_SHA512, EVP_sha512(), true, true, true },
		{ f.rsa, TLS_RSA_PKCS1_SHA256, EVP_sha256(), false, false, true },
		{ f.ed, TLS_ED25519, NULL, false, true, true },
		{ f.rsa, TLS_ECDSA_SHA256, NULL, false, false, false },
		{ f.ec, TLS_RSA_PSS_SHA256, NULL, false, false, false },
		{ f.ec, TLS_ED25519, NULL, false, false, false },
		{ f.rsa, 0x0201, NULL, false, false, false }, /* SHA-1 */
	};
	char space[512];
	uint8_t out[TLS_SIGNATURE_MAX];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int v = 0; v < 2; v++) {
			struct str t = v == 0 ? text_13(space, SERVER, 32) : text_12(space, 29, 32);
			const char *why = sign(rows[i].key, rows[i].scheme, t, ALL, out, &n);

			assert_int_equal(why == NULL, v == 0 ? rows[i].in_13 : rows[i].in_12);
			if (why == NULL)
				assert_true(
				    verifies(rows[i].key, rows[i].md, rows[i].pss, t, out, n));
		}
	assert_non_null(sign(f.ec, TLS_ECDSA_SHA256, text_13(space, CLIENT, 32), ALL, out, &n));
	assert_non_null(
	    sign(f.ec, TLS_ECDSA_SHA256, text_13(space, SERVER, 32), SIGN_CLIENT_13, out, &n));
	assert_non_null(sign(f.ec, TLS_ECDSA_SHA256, STR("mail"), ALL, out, &n));
}

/* --- the store -------------------------------------------------------------------------------- */

static int memory_file(struct str text)
{
	int fd = memfd_create("pem", MFD_CLOEXEC);

	assert_int_equal(write(fd, text.p, text.n), (ssize_t)text.n);
	return fd;
}

static void offer(const char *path, struct str text)
{
	int fd = memory_file(text);

	store_file(str_of(path), &fd, 0);
	assert_int_equal(fd, -1);
}

static struct conf *conf_with(const char *listener_certificates)
{
	struct conf *c = conf_new();
	struct conf_section *s = conf_add_section(c, "certificate", STR("main"), "f", 1);

	conf_set(c, s, "certificate", STR("/c.pem"), "f", 1);
	conf_set(c, s, "key", STR("/k.pem"), "f", 1);
	s = conf_add_section(c, "listener", STR("mx"), "f", 1);
	conf_set(c, s, "service", STR("smtp"), "f", 1);
	s = conf_add_section(c, "listener", STR("imap"), "f", 1);
	conf_set(c, s, "service", STR("imaps"), "f", 1);
	if (listener_certificates != NULL)
		conf_set(c, s, "certificates", str_of(listener_certificates), "f", 1);
	return c;
}

static void test_switching(void **state)
{
	struct conf *c = conf_with(NULL);
	struct pem renewed = certificate_pem(f.ec, "DNS:a", -DAY, 30 * DAY, 1);
	struct pem late = certificate_pem(f.other, "DNS:a", -2 * DAY, -DAY, 1);
	struct pem next = certificate_pem(f.other, "DNS:a", -DAY, 90 * DAY, 1);
	struct pem other_key = key_pem(f.other, NULL);
	const struct slot *s;
	uint64_t id, next_id;
	int none = -1;

	(void)state;
	store_configure(c);
	s = store_slot(0);
	assert_int_equal(store_count(), 1);
	/* nothing there: nothing to publish, and why */
	store_file(STR("/c.pem"), &none, 2);
	assert_false(store_take(NOW, false));
	assert_true(strstr(s->why, "/c.pem") != NULL && s->pair == NULL);
	/* an expired one is better than none */
	offer("/c.pem", view(late));
	offer("/k.pem", view(other_key));
	assert_true(store_take(NOW, false));
	assert_non_null(s->pair);
	/* a valid one takes its place; the same again is no news */
	for (int i = 0; i < 2; i++) {
		offer("/c.pem", view(f.ec_cert));
		offer("/k.pem", view(f.ec_key));
		assert_int_equal(store_take(NOW, false), i == 0);
		assert_string_equal(s->why, "");
	}
	id = s->pair->id;
	/* halves of two pairs, and an expired one: the pair before stays */
	offer("/c.pem", view(next));
	offer("/k.pem", view(f.ec_key));
	assert_false(store_take(NOW, false));
	assert_true(strstr(s->why, "not that of") != NULL && s->pair->id == id);
	offer("/c.pem", view(late));
	offer("/k.pem", view(other_key));
	assert_false(store_take(NOW, false));
	assert_true(strstr(s->why, "expired") != NULL && s->pair->id == id);
	/* renewed with the same key: the same id */
	offer("/c.pem", view(renewed));
	offer("/k.pem", view(f.ec_key));
	assert_true(store_take(NOW, false));
	assert_true(s->pair->id == id && store_key(id, ROLE_SMTPD) == s->pair->key);
	/* with another: for a while both sign */
	offer("/c.pem", view(next));
	offer("/k.pem", view(other_key));
	assert_true(store_take(NOW, false));
	next_id = s->pair->id;
	assert_true(next_id != id);
	assert_non_null(store_key(id, ROLE_LOGIN));
	assert_non_null(store_key(next_id, ROLE_LOGIN));
	store_file(STR("/c.pem"), &none, 2);
	assert_false(store_take(NOW + 1000, false));
	assert_null(store_key(id, ROLE_LOGIN));
	assert_non_null(store_key(next_id, ROLE_LOGIN));
	store_clear();
	conf_free(c);
	free(renewed.p);
	free(late.p);
	free(next.p);
	free(other_key.p);
}

/* Who vouches for clients: what is unreadable or no certificate changes nothing. */
static void test_anchors(void **state)
{
	struct conf *c = conf_with(NULL);
	struct conf_section *s = conf_add_section(c, "listener", STR("users"), "f", 1);
	struct pem one = certificate_pem(f.ec, "DNS:a", 0, DAY, 1);
	struct pem two = certificate_pem(f.other, "DNS:b", 0, DAY, 2);
	struct pem many = certificate_pem(f.ec, "DNS:a", 0, DAY, KEYS_ANCHORS + 1);
	const struct {
		struct str file;
		bool news;
		size_t n;
	} rows[] = { { view(one), true, 1 }, { view(one), false, 1 }, { STR_NONE, false, 1 },
		{ view(two), true, 2 }, { STR("rubbish"), false, 2 },
		{ str_take(view(two), two.n - 40), false, 2 }, { view(many), false, 2 },
		{ view(one), true, 1 } };
	size_t n;

	(void)state;
	conf_set(c, s, "service", STR("submissions"), "f", 1);
	conf_set(c, s, "client_certificates", STR("ask"), "f", 1);
	conf_set(c, NULL, "tls_client_ca", STR("/ca.pem"), "f", 1);
	store_configure(c);
	assert_true(anchors_for(ROLE_SUBMIT));
	assert_false(anchors_for(ROLE_SMTPD) || anchors_for(ROLE_LOGIN));
	offer("/c.pem", view(f.ec_cert));
	offer("/k.pem", view(f.ec_key));
	store_take(NOW, false); /* the pair: news of its own */
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		offer("/c.pem", view(f.ec_cert));
		offer("/k.pem", view(f.ec_key));
		if (rows[i].file.n > 0)
			offer("/ca.pem", rows[i].file);
		assert_int_equal(store_take(NOW, false), rows[i].news);
		anchors(&n);
		assert_int_equal(n, rows[i].n);
	}
	store_clear();
	conf_free(c);
	free(one.p);
	free(two.p);
	free(many.p);
}

static void test_who_may_use_a_key(void **state)
{
	struct conf *c = conf_with("another");
	uint64_t id;

	(void)state;
	store_configure(c);
	offer("/c.pem", view(f.ec_cert));
	offer("/k.pem", view(f.ec_key));
	assert_true(store_take(NOW, false));
	id = store_slot(0)->pair->id;
	assert_non_null(store_key(id, ROLE_SMTPD));
	assert_null(store_key(id, ROLE_LOGIN));
	assert_null(store_key(id, ROLE_QUEUE));
	assert_null(store_key(id + 1, ROLE_SMTPD));
	conf_free(c);
	/* a new configuration keeps the pair, and may give it to others */
	c = conf_with(NULL);
	store_configure(c);
	assert_non_null(store_key(id, ROLE_LOGIN));
	conf_free(c);
	store_clear();
}

static void test_tickets(void **state)
{
	struct tls_ticket_key first;
	const struct tls_ticket_key *k, *other;
	size_t n;

	(void)state;
	assert_false(tickets_of(ROLE_SMTPD));
	assert_true(tickets_of(ROLE_LOGIN) && tickets_of(ROLE_SUBMIT));
	k = tickets_keys(ROLE_LOGIN, &n);
	other = tickets_keys(ROLE_SUBMIT, &n);
	assert_int_equal(n, 1);
	assert_memory_not_equal(k, other, sizeof *k);
	first = k[0];
	for (size_t i = 1; i <= TLS_TICKET_KEYS; i++) {
		tickets_rotate();
		k = tickets_keys(ROLE_LOGIN, &n);
		if (i < TLS_TICKET_KEYS)
			assert_memory_equal(&k[i], &first, sizeof first);
	}
	assert_int_equal(n, TLS_TICKET_KEYS);
	for (size_t i = 0; i < n; i++)
		assert_memory_not_equal(&k[i], &first, sizeof first);
}

static int set_up(void **state)
{
	(void)state;
	f.ec = EVP_EC_gen("P-256");
	f.other = EVP_EC_gen("P-256");
	f.p384 = EVP_EC_gen("P-384");
	f.rsa = EVP_RSA_gen(2048);
	f.weak = EVP_RSA_gen(1024);
	f.ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	f.ec_cert = certificate_pem(f.ec, "DNS:a", -DAY, DAY, 1);
	f.ec_key = key_pem(f.ec, NULL);
	return 0;
}

static int tear_down(void **state)
{
	EVP_PKEY *all[] = { f.ec, f.other, f.p384, f.rsa, f.weak, f.ed };

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		EVP_PKEY_free(all[i]);
	free(f.ec_cert.p);
	free(f.ec_key.p);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_bad_pairs),
		cmocka_unit_test(test_both_in_one_file),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_switching),
		cmocka_unit_test(test_anchors),
		cmocka_unit_test(test_who_may_use_a_key),
		cmocka_unit_test(test_tickets),
	};

	keyfile_open();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
