/* Strings, buffers, arenas, ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/id.h"
#include "base/str.h"

static void compares(void **state)
{
	(void)state;
	assert_true(str_eq(STR("abc"), str_of("abc")));
	assert_false(str_eq(STR("abc"), STR("abd")));
	assert_true(str_eq(STR_NONE, str_of(NULL)));
	assert_true(str_caseeq(STR("AbC"), STR("aBc")));
	assert_false(str_caseeq(STR("a"), STR("ab")));
	assert_true(str_cmp(STR("a"), STR("ab")) < 0);
	assert_true(str_cmp(STR("b"), STR("ab")) > 0);
	assert_true(str_casecmp(STR("B"), STR("a")) > 0);
	assert_true(str_starts(STR("abc"), STR("ab")));
	assert_true(str_casestarts(STR("ABC"), STR("ab")));
	assert_true(str_ends(STR("abc"), STR("bc")));
	assert_false(str_ends(STR("c"), STR("bc")));
}

static void finds(void **state)
{
	(void)state;
	assert_int_equal(str_find(STR("abca"), 'a'), 0);
	assert_int_equal(str_rfind(STR("abca"), 'a'), 3);
	assert_int_equal(str_find(STR_NONE, 'a'), -1);
	assert_int_equal(str_search(STR("hello"), STR("llo")), 2);
	assert_int_equal(str_search(STR("hello"), STR("lol")), -1);
	assert_int_equal(str_search(STR("a"), STR_NONE), 0);
}

static void cuts(void **state)
{
	struct str rest = STR("a,,b"), head;

	(void)state;
	assert_true(str_cut(&rest, ',', &head) && str_eq(head, STR("a")));
	assert_true(str_cut(&rest, ',', &head) && head.n == 0);
	assert_true(str_cut(&rest, ',', &head) && str_eq(head, STR("b")));
	assert_false(str_cut(&rest, ',', &head));
	rest = STR("  one\ttwo ");
	assert_true(str_word(&rest, &head) && str_eq(head, STR("one")));
	assert_true(str_word(&rest, &head) && str_eq(head, STR("two")));
	assert_false(str_word(&rest, &head));
	assert_true(str_eq(str_trim(STR(" \t x y\r\n")), STR("x y")));
	assert_true(str_eq(str_skip(STR("ab"), 5), STR_NONE));
	assert_true(str_eq(str_take(STR("ab"), 5), STR("ab")));
}

static void numbers(void **state)
{
	uint64_t n = 7;

	(void)state;
	assert_int_equal(str_u64(STR("18446744073709551615"), UINT64_MAX, &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(str_u64(STR("18446744073709551616"), UINT64_MAX, &n), -1);
	assert_int_equal(str_u64(STR("100"), 99, &n), -1);
	assert_int_equal(str_u64(STR("-1"), 99, &n), -1);
	assert_int_equal(str_u64(STR(" 1"), 99, &n), -1);
	assert_int_equal(str_u64(STR_NONE, 99, &n), -1);
}

static void copies(void **state)
{
	char out[4];

	(void)state;
	assert_int_equal(str_copy(STR("abc"), out, sizeof out), 0);
	assert_string_equal(out, "abc");
	assert_int_equal(str_copy(STR("abcd"), out, sizeof out), -1);
	assert_int_equal(str_copy(STR("a\0b"), out, sizeof out), -1);
}

static void clones(void **state)
{
	struct str s = str_clone(STR("a\0b")), none = str_clone(STR_NONE);

	(void)state;
	assert_true(str_eq(s, STR("a\0b")));
	assert_int_equal(s.p[s.n], '\0');
	assert_int_equal(none.n, 0);
	str_free(&none);
	str_free(&none);
	str_free(&s);
	assert_null(s.p);
	assert_int_equal(s.n, 0);
}

static void buffer_stops_at_its_maximum(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_int_equal(buf_z(&b, "12345"), 0);
	assert_int_equal(buf_printf(&b, "%s", "678901"), -1);
	assert_true(b.full);
	assert_int_equal(b.n, 5);
	assert_int_equal(buf_put(&b, "67890", 5), 0);
	assert_true(b.full); /* what was lost stays known */
	assert_int_equal(buf_char(&b, 'x'), -1);
	assert_string_equal(buf_cstr(&b), "1234567890");
	buf_drop(&b, 3);
	assert_true(str_eq(buf_view(&b), STR("4567890")));
	buf_reset(&b);
	assert_false(b.full);
	assert_int_equal(b.n, 0);
	buf_clear(&b);
	assert_null(b.p);
}

static void arena_keeps_and_frees(void **state)
{
	struct arena a;
	struct str s;
	char *big;

	(void)state;
	arena_init(&a);
	s = arena_str(&a, STR("kept"));
	for (int i = 0; i < 1000; i++)
		arena_printf(&a, "number %d", i);
	big = arena_alloc(&a, 100000);
	assert_int_equal(big[99999], 0);
	memset(big, 'x', 100000);
	assert_true(str_eq(s, STR("kept")));
	assert_int_equal(s.p[4], '\0');
	assert_true(arena_used(&a) > 100000);
	arena_reset(&a);
	assert_int_equal(arena_used(&a), 0);
	assert_int_equal(*(char *)arena_alloc(&a, 16), 0);
	arena_clear(&a);
}

static void ids_round_trip(void **state)
{
	static const uint64_t ids[] = { 0, 1, 31, 32, UINT64_MAX, 0x123456789abcdef0 };
	char text[ID_TEXT + 1];
	uint64_t back;

	(void)state;
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		id_format(ids[i], text);
		assert_int_equal(strlen(text), ID_TEXT);
		assert_int_equal(id_parse(str_of(text), &back), 0);
		assert_true(back == ids[i]);
	}
	assert_int_equal(id_parse(STR("zaaaaaaaaaaaa"), &back), -1); /* a 65th bit */
	assert_int_equal(id_parse(STR("aaaaaaaaaaaa1"), &back), -1);
	assert_int_equal(id_parse(STR("aaaa"), &back), -1);
	assert_true(id_random() != id_random());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compares),
		cmocka_unit_test(finds),
		cmocka_unit_test(cuts),
		cmocka_unit_test(numbers),
		cmocka_unit_test(copies),
		cmocka_unit_test(clones),
		cmocka_unit_test(buffer_stops_at_its_maximum),
		cmocka_unit_test(arena_keeps_and_frees),
		cmocka_unit_test(ids_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
