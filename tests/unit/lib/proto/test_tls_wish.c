/* How next hops are to be spoken to, as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "proto/tls_wish.h"

#define HEX "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define COLONS                                                                                     \
	"00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:"  \
	"dd:ee:ff"

static void test_good(void **state)
{
	static const struct {
		const char *text;
		enum tls_level level;
		bool implicit;
		const char *items; /* with blanks behind */
		enum tls_require require;
	} rows[] = {
		{ "", TLS_LEVEL_MAY, false, "" },
		{ "none", TLS_LEVEL_NONE, false, "" },
		{ " May ", TLS_LEVEL_MAY, false, "" },
		{ "encrypt implicit", TLS_LEVEL_ENCRYPT, true, "" },
		{ "dane", TLS_LEVEL_DANE, false, "" },
		{ "dane-only implicit", TLS_LEVEL_DANE_ONLY, true, "" },
		{ "dane requiretls", TLS_LEVEL_DANE, false, "", TLS_REQUIRE_ALWAYS },
		{ "verify requiretls=offered", TLS_LEVEL_VERIFY, false, "hostname ",
		    TLS_REQUIRE_OFFERED },
		{ "secure match=a.test:b implicit requiretls", TLS_LEVEL_SECURE, true, "a.test b ",
		    TLS_REQUIRE_ALWAYS },
		{ "verify", TLS_LEVEL_VERIFY, false, "hostname " },
		{ "verify match=hostname:a.test", TLS_LEVEL_VERIFY, false, "hostname a.test " },
		{ "secure", TLS_LEVEL_SECURE, false, "nexthop dot-nexthop " },
		{ "secure implicit", TLS_LEVEL_SECURE, true, "nexthop dot-nexthop " },
		{ "secure implicit match=.a.test, match=b", TLS_LEVEL_SECURE, true, ".a.test b " },
		{ "secure match=a|b implicit", TLS_LEVEL_SECURE, true, "a b " },
		{ "fingerprint match=" HEX "|" COLONS, TLS_LEVEL_FINGERPRINT, false,
		    HEX " " COLONS " " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char items[512] = "";
		struct str rest, item;
		struct tls_wish w;

		if (tls_wish_parse(str_of(rows[i].text), &w) == -1)
			fail_msg("%s", rows[i].text);
		assert_int_equal(w.level, rows[i].level);
		assert_int_equal(w.implicit, rows[i].implicit);
		assert_int_equal(w.require, rows[i].require);
		rest = w.match;
		while (tls_wish_item(&w, &rest, &item))
			snprintf(items + strlen(items), sizeof items - strlen(items), "%.*s ",
			    STR_ARG(item));
		assert_string_equal(items, rows[i].items);
	}
}

static void test_bad(void **state)
{
	static const char *const rows[] = { "often", "dane match=a", "may match=a", "none implicit",
		"may implicit", "dane requiretls=no", "dane requiretlsx",
		"secure match=", "secure match=a/b", "secure match=.", "secure match=-a",
		"secure protocols=TLSv1", "secure a.test", "fingerprint", "fingerprint match=AB",
		"fingerprint match=hostname", "fingerprint match=" HEX "00",
		"fingerprint match=" HEX "|x", "verify match=:::" };
	char large[TLS_WISH_MAX + 32] = "secure match=";
	struct tls_wish w;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (tls_wish_parse(str_of(rows[i]), &w) != -1)
			fail_msg("%s", rows[i]);
	for (size_t n = strlen(large); n < TLS_WISH_MAX; n += 2)
		memcpy(large + n, "a:", 3);
	assert_int_equal(tls_wish_parse(str_take(str_of(large), TLS_WISH_MAX), &w), 0);
	memcpy(large + strlen(large), "a:a:a:a", 8);
	assert_int_equal(tls_wish_parse(str_of(large), &w), -1);
}

static void test_auth(void **state)
{
	static const char *const rows[] = { "none auth", "may auth", "encrypt implicit auth",
		"verify match=auth.test auth", "dane auth requiretls" };
	struct str item, rest;
	struct tls_wish w;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_true(tls_wish_parse(str_of(rows[i]), &w) == 0 && w.auth);
	assert_int_equal(tls_wish_parse(STR("verify match=auth.test auth"), &w), 0);
	rest = w.match;
	assert_true(tls_wish_item(&w, &rest, &item) && str_eq(item, STR("auth.test")));
	assert_false(tls_wish_item(&w, &rest, &item));
	assert_true(tls_wish_parse(STR("verify match=auth.test"), &w) == 0 && !w.auth);
}

static void test_pin(void **state)
{
	uint8_t a[TLS_WISH_PIN], b[TLS_WISH_PIN];

	(void)state;
	assert_int_equal(tls_wish_pin(STR(HEX), a), 0);
	assert_int_equal(tls_wish_pin(STR(COLONS), b), 0);
	assert_memory_equal(a, b, sizeof a);
	assert_int_equal(a[31], 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_auth),
		cmocka_unit_test(test_pin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
