/* Keys of SCRAM: the example of RFC 7677, wrong proofs, invented keys; and app passwords. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "../../../../services/auth/app.h"
#include "../../../../services/auth/scram.h"

static const char message_text[] =
    "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,"
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
static const struct str auth_message = { message_text, sizeof message_text - 1 };

static size_t decode(const char *text, void *out)
{
	ssize_t n = base64_decode(str_of(text), out);

	assert_true(n > 0);
	return (size_t)n;
}

static void test_rfc_7677(void **state)
{
	struct scram_keys k = { .iterations = 4096 };
	uint8_t signature[SCRAM_HASH_MAX], want[48], proof[48];
	size_t n;

	(void)state;
	assert_int_equal(decode("W22ZaJ0SNY7soEsUEjb6gQ==", k.salt), SCRAM_SALT_BYTES);
	assert_int_equal(scram_derive("pencil", &k), 0);
	n = decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", proof);
	assert_true(scram_verify(&k, SCRAM_SHA_256, auth_message, str_bytes(proof, n), signature));
	assert_int_equal(decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", want), 32);
	assert_memory_equal(signature, want, 32);
	/* of another message, another hash, another length, one bit off */
	assert_false(scram_verify(&k, SCRAM_SHA_256, str_take(auth_message, auth_message.n - 1),
	    str_bytes(proof, n), signature));
	assert_false(scram_verify(&k, SCRAM_SHA_1, auth_message, str_bytes(proof, 20), signature));
	for (size_t i = 0; i < n; i++)
		assert_false(
		    scram_verify(&k, SCRAM_SHA_256, auth_message, str_bytes(proof, i), signature));
	for (size_t i = 0; i < n; i++) {
		proof[i] ^= 1;
		assert_false(
		    scram_verify(&k, SCRAM_SHA_256, auth_message, str_bytes(proof, n), signature));
		proof[i] ^= 1;
	}
}

static void test_saslprep(void **state)
{
	struct scram_keys a, b;

	(void)state;
	assert_int_equal(scram_make("IX", 4096, &a), 0);
	b = a;
	assert_int_equal(
	    scram_derive("I\xc2\xadX", &b), 0); /* a soft hyphen is mapped to nothing */
	assert_memory_equal(&a, &b, sizeof a);
	assert_int_equal(scram_derive("\xe2\x85\xa8", &b), 0); /* the Roman nine */
	assert_memory_equal(&a, &b, sizeof a);
	assert_int_equal(scram_make("\x07", 4096, &b), -1);
	assert_int_equal(scram_make("\xff\xfe", 4096, &b), -1);
	assert_int_equal(scram_make("IX", 4096, &b), 0);
	assert_memory_not_equal(a.salt, b.salt, sizeof a.salt);
}

static void test_invented(void **state)
{
	static const uint8_t secret[32] = { 1, 2, 3 }, other[32] = { 4 };
	struct scram_keys a, b;

	(void)state;
	scram_invent(secret, STR("a@b"), 4096, &a);
	scram_invent(secret, STR("a@b"), 4096, &b);
	assert_memory_equal(&a, &b, sizeof a);
	scram_invent(secret, STR("a@c"), 4096, &b);
	assert_memory_not_equal(a.salt, b.salt, sizeof a.salt);
	scram_invent(other, STR("a@b"), 4096, &b);
	assert_memory_not_equal(a.salt, b.salt, sizeof a.salt);
}

static void test_app_passwords(void **state)
{
	static struct account_record r;
	char text[APPS_MAX][APP_TEXT_MAX + 1], typed[64];

	(void)state;
	r.napps = APPS_MAX;
	for (unsigned i = 0; i < APPS_MAX; i++) {
		assert_int_equal(app_make(&r.apps[i], text[i]), 0);
		r.apps[i].scopes = i % 2 == 0 ? SCOPE_IMAP : SCOPE_SMTP;
		r.apps[i].expires = i == 4 ? 1000 : 0;
	}
	for (unsigned i = 0; i < APPS_MAX; i++) {
		uint8_t right = r.apps[i].scopes, wrong = right ^ SCOPES;

		assert_ptr_equal(app_find(&r, str_of(text[i]), right, 999), &r.apps[i]);
		assert_null(app_find(&r, str_of(text[i]), wrong, 999));
	}
	assert_null(app_find(&r, str_of(text[4]), SCOPE_IMAP, 1000)); /* it has ended */
	snprintf(typed, sizeof typed, " %.5s %.5s%.5s--%.11s ", text[0], text[0] + 6, text[0] + 12,
	    text[0] + 18);
	for (char *p = typed; *p != '\0'; p++)
		*p = ascii_upper(*p);
	assert_ptr_equal(app_find(&r, str_of(typed), SCOPE_IMAP, 1), &r.apps[0]);
	text[0][28] = text[0][28] == 'x' ? 'y' : 'x';
	assert_null(app_find(&r, str_of(text[0]), SCOPE_IMAP, 1));
	assert_null(app_find(&r, str_take(str_of(text[2]), 28), SCOPE_IMAP, 1));
	assert_null(app_find(&r, STR(""), SCOPE_IMAP, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_7677),
		cmocka_unit_test(test_saslprep),
		cmocka_unit_test(test_invented),
		cmocka_unit_test(test_app_passwords),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
