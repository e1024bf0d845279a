/* File names in a Maildir. */
#include "../../../../deliver/maildir/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_parts(void **state)
{
	struct name n;

	(void)state;
	name_make(&n, 1700000000123456, 1, 7, STR("mx.example.org"));
	assert_string_equal(n.stem, "1700000000.Qaaaaaaaaaaaab"
				    "R7.mx.example.org");
	assert_int_equal(n.key, strlen("1700000000.QaaaaaaaaaaaabR7."));
	name_sizes(&n, 1234, 1260);
	assert_string_equal(n.full, "1700000000.QaaaaaaaaaaaabR7.mx.example.org,S=1234,W=1260");
}

static void test_found_again(void **state)
{
	struct name n;

	(void)state;
	name_make(&n, 1700000000123456, 1, 7, STR("mx.example.org"));
	assert_true(name_matches(&n, "1700000000.QaaaaaaaaaaaabR7.mx.example.org,S=1,W=2:2,S"));
	assert_true(name_matches(&n, "1700000000.QaaaaaaaaaaaabR7.renamed.host,S=1,W=2,U=44:2,"));
	assert_false(name_matches(&n, "1700000000.QaaaaaaaaaaaabR70.mx.example.org,S=1,W=2"));
	assert_false(name_matches(&n, "1700000000.QaaaaaaaaaaaacR7.mx.example.org"));
	assert_false(name_matches(&n, "1700000000.QaaaaaaaaaaaabR7"));
	assert_false(name_matches(&n, ""));
}

static void test_extremes(void **state)
{
	static const char hostile[] = "../a:b,c/d\n\xff";
	char host[300];
	struct name n;

	(void)state;
	name_make(&n, -5, 2, 0, str_of(hostile));
	assert_string_equal(n.stem, "0.QaaaaaaaaaaaacR0..._a_b_c_d__");
	memset(host, 'h', sizeof host);
	name_make(&n, INT64_MAX, UINT64_MAX, UINT32_MAX, str_bytes(host, sizeof host));
	name_sizes(&n, UINT64_MAX, UINT64_MAX);
	/* nothing was cut, and a session can still add
	 * ",U=4294967295:2,DFPRSTabcdefghijklmnopqrstuvwxyz" */
	assert_string_equal(n.full + strlen(n.full) - 5, "51615");
	assert_true(strlen(n.full) < NAME_SIZE - 1);
	assert_true(strncmp(n.tmp, n.stem, strlen(n.stem)) == 0 && n.tmp[strlen(n.stem)] == '.');
	assert_true(name_matches(&n, n.tmp));
	assert_true(NAME_SIZE + 50 <= 255);
	name_make(&n, 0, 2, 0, STR_NONE);
	assert_string_equal(n.stem, "0.QaaaaaaaaaaaacR0.localhost");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_found_again),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
