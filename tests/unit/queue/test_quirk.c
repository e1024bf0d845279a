/* The file of what servers cannot do. */
#include "../../../queue/quirk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../../queue/pool.h"
#include "../../../queue/settings.h"
#include "base/loop.h"
#include "proto/quirk.h"
#include "proto/types.h"

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

/* What strangers can make be found out keeps out nothing new, and nothing that an administrator has said. */
static void test_full(void **state)
{
	struct put w = put_start();
	struct ipc_msg m = { .type = DELIVER_QUIRK };
	struct str line, text;
	unsigned lines = 0;
	struct buf b;

	(void)state;
	loop_init();
	assert_int_equal(pool_init(1, NULL), 0);
	settings.quirk_time = 1000;
	assert_int_equal(quirk_decode(STR("x"), 1000), -1);
	buf_init(&b, 1000000);
	buf_z(&b, "100 0 set dsn mine.test \n");
	for (int i = 1; i < QUIRKS_MAX; i++)
		buf_printf(
		    &b, "100 %lld found chunking mx%d.test \n", 9000000000LL + (i + 7) % 1999, i);
	assert_int_equal(quirk_decode(buf_view(&b), 1000), 0);
	put_quirk(
	    &w, &(struct quirk){ .host = STR("192.0.2.9"), .kind = QUIRK_CHUNKING, .on = true });
	m.body = put_view(&w);
	assert_int_equal(quirk_on_found(NULL, &m), 0);
	buf_reset(&b);
	assert_int_equal(quirk_encode(&b), 0);
	text = buf_view(&b);
	while (str_cut(&text, '\n', &line)) {
		lines += line.n > 0;
		assert_int_equal(
		    str_search(line, STR(" mx1992.test ")), -1); /* that had the least time */
	}
	assert_int_equal(lines, QUIRKS_MAX);
	assert_true(str_search(buf_view(&b), STR(" mine.test ")) != -1);
	assert_true(str_search(buf_view(&b), STR(" 192.0.2.9 ")) != -1);
	buf_clear(&b);
}

/* That TLS fails somebody in between may have made so. */
static void test_plain_text(void **state)
{
	static const struct {
		uint8_t kind;
		uint64_t most;
	} cases[] = { { QUIRK_CHUNKING, 500000 }, { QUIRK_STARTTLS, 3600 } };

	(void)state;
	settings.quirk_time = 500000000;
	settings.plain_time = 3600000;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct put w = put_start();
		struct ipc_msg m = { .type = DELIVER_QUIRK };
		struct str text, word = STR_NONE;
		uint64_t since, until;
		struct buf b;

		assert_int_equal(quirk_decode(STR("x"), 1000), -1);
		put_quirk(&w,
		    &(struct quirk){
			.host = STR("192.0.2.9"), .kind = cases[i].kind, .on = true });
		m.body = put_view(&w);
		assert_int_equal(quirk_on_found(NULL, &m), 0);
		buf_init(&b, 1000);
		assert_int_equal(quirk_encode(&b), 0);
		text = buf_view(&b);
		assert_true(str_cut(&text, ' ', &word));
		assert_int_equal(str_u64(word, UINT64_MAX, &since), 0);
		assert_true(str_cut(&text, ' ', &word));
		assert_int_equal(str_u64(word, UINT64_MAX, &until), 0);
		assert_int_equal(until - since, cases[i].most);
		buf_clear(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_file),
		cmocka_unit_test(test_full), cmocka_unit_test(test_plain_text) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
