/* Of what may hold secrets, nothing stays behind in a buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"

static bool holds(const struct buf *b, const char *what)
{
	return memmem(b->p, b->cap, what, strlen(what)) != NULL;
}

static void test_dropped(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(buf_put_secret(&b, "first-secret second-secret", 26), 0);
	buf_drop_secret(&b, 13);
	assert_true(str_eq(buf_view(&b), STR("second-secret")));
	assert_false(holds(&b, "first-secret"));
	buf_drop_secret(&b, 13);
	assert_int_equal(b.n, 0);
	assert_false(holds(&b, "second")); /* nor where it was before it was moved up */
	assert_false(holds(&b, "secret"));
	buf_drop_secret(&b, 0);
	buf_clear_secret(&b);
	assert_null(b.p);
	buf_clear_secret(&b);
}

static void test_grows(void **state)
{
	struct buf b;
	char piece[100];

	(void)state;
	buf_init(&b, 1000);
	for (int i = 0; i < 10; i++) {
		memset(piece, 'a' + i, sizeof piece);
		assert_int_equal(buf_put_secret(&b, piece, sizeof piece), 0);
	}
	assert_int_equal(b.n, 1000);
	for (size_t i = 0; i < b.n; i++)
		assert_int_equal(b.p[i], 'a' + (int)(i / 100));
	/* at the maximum it is as it was */
	assert_int_equal(buf_put_secret(&b, "x", 1), -1);
	assert_true(b.full && b.n == 1000 && b.p[999] == 'j');
	buf_clear_secret(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_dropped),
		cmocka_unit_test(test_grows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
