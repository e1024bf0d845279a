/* Names of accounts, and homes that no name can lead out of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../../../../services/auth/home.h"

static void test_names(void **state)
{
	static const struct {
		const char *in, *out; /* NULL = refused */
	} rows[] = {
		{ "alice@example.org", "alice@example.org" },
		{ "Alice.B+x@Example.ORG", "alice.b+x@example.org" },
		{ "a/../b@example.org", NULL },
		{ "a/b@example.org", "a/b@example.org" },
		{ "%00@example.org", "%00@example.org" },
		{ "alice", "alice@default.example" },
		{ "", NULL },
		{ "@example.org", NULL },
		{ "alice@", NULL },
		{ "..@example.org", NULL },
		{ ".a@example.org", NULL },
		{ "a@..", NULL },
		{ "a@../../etc", NULL },
		{ "a@b@example.org", NULL },
		{ "a b@example.org", NULL },
		{ "\"a b\"@example.org", NULL },
		{ "a\nb@example.org", NULL },
		{ "a\x7f@example.org", NULL },
		{ "\xff@example.org", NULL },
		{ "\xc0\xae@example.org", NULL }, /* overlong "." */
		{ "gr\xc3\xbc\xc3\x9f@example.org", "gr\xc3\xbc\xc3\x9f@example.org" },
		{ "a@b\xc3\xbc"
		  "cher.example",
		    "a@xn--bcher-kva.example" },
	};
	char out[LOGIN_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int r = account_name(str_of(rows[i].in), STR("default.example"), out);

		if (r != (rows[i].out == NULL ? -1 : 0))
			fail_msg("row %zu: %s", i, rows[i].in);
		if (rows[i].out != NULL)
			assert_string_equal(out, rows[i].out);
	}
	assert_int_equal(account_name(STR("a\0b@example.org"), STR_NONE, out), -1);
	assert_int_equal(account_name(STR("alice"), STR_NONE, out), -1);
}

static void test_homes(void **state)
{
	static const struct {
		const char *name, *home;
		uint32_t turn;
	} rows[] = {
		{ "alice@example.org", "example.org/alice", 0 },
		{ "alice@example.org", "example.org/alice~7", 7 },
		{ "a/b@example.org", "example.org/a%2fb", 0 },
		{ "..@example.org", "example.org/%2e.", 0 },
		{ ".@..", "%2e./%2e", 0 },
		{ "%2e@x", "x/%252e", 0 },
		{ "a~1@x", "x/a%7e1", 0 },
		{ "\xc3\xbc@x", "x/%c3%bc", 0 },
		{ "A@[::1]", "%5b%3a%3a1%5d/%41", 0 },
	};
	char out[HOME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(account_home(rows[i].name, rows[i].turn, out), 0);
		assert_string_equal(out, rows[i].home);
	}
	assert_int_equal(account_home("nobody", 0, out), -1);
	assert_int_equal(account_home("@x", 0, out), -1);
	assert_int_equal(account_home("a@", 0, out), -1);
}

/* Whatever the bytes: two parts out of the fixed alphabet, not hidden, of a length that mkdir
 * takes. */
static void test_every_byte_is_contained(void **state)
{
	char name[] = "?x@example.org", name2[] = "x?@?", out[HOME_MAX + 1];

	(void)state;
	for (int c = 1; c < 256; c++) {
		const char *slash;

		name[0] = name2[1] = name2[3] = (char)c;
		assert_int_equal(account_home(name, 0, out), 0);
		slash = strchr(out, '/');
		assert_non_null(slash);
		assert_null(strchr(slash + 1, '/'));
		assert_int_equal(strspn(slash + 1, "abcdefghijklmnopqrstuvwxyz0123456789._+-%"),
		    strlen(slash + 1));
		assert_true(slash[1] != '.' && out[0] != '.');
		if (c != '@' && account_home(name2, 0, out) == 0)
			assert_true(out[0] != '.' && out[0] != '/');
	}
}

static void test_long_names(void **state)
{
	char name[LOGIN_MAX + 1], out[HOME_MAX + 1];

	(void)state;
	memset(name, '!', 64);
	strncpy(name + 64, "@example.org", 16);
	assert_int_equal(account_home(name, UINT32_MAX, out), 0);
	memset(name, '!', 100);
	strncpy(name + 100, "@example.org", 16);
	assert_int_equal(account_home(name, 0, out), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_homes),
		cmocka_unit_test(test_every_byte_is_contained),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
