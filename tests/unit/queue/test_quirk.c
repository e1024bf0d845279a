/* The file of what servers cannot do. */
#include "../../../queue/quirk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_file(void **state)
{
	static const char good[] = "100 2000 found chunking 192.0.2.1 500 what?\n"
				   "100 900 found pipelining 192.0.2.2 over\n"
				   "100 0 set 8bitmime mx.test \n";
	static const char *const bad[] = { "100 0 set chunking\n", "100 0 set chunking mx.test\n",
		"100 0 set what mx.test x\n", "x 0 set chunking mx.test x\n",
		"100 -1 set chunking mx.test x\n", "100 0 set chunking  x\n", "100\n" };
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(quirk_decode(STR("100 0 set size good.test \n"), 1000), 0);
		assert_int_equal(quirk_decode(str_of(bad[i]), 1000), -1);
		assert_int_equal(quirk_encode(&b), 0);
		assert_int_equal(b.n, 0);
	}
	assert_int_equal(quirk_decode(str_of(good), 1000), 0);
	assert_int_equal(quirk_encode(&b), 0);
	assert_true(str_eq(buf_view(&b), STR("100 2000 found chunking 192.0.2.1 500 what?\n"
					     "100 0 set 8bitmime mx.test \n")));
	buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_file) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
