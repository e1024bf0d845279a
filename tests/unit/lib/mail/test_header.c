/* Headers as streams, and the edits applied to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "mail/edit.h"
#include "mail/header.h"

/* Renders what the scanner finds, for comparison: [name]value{blank}body */
static void scan(struct str in, size_t step, struct buf *out)
{
	struct header_scan h;
	enum header_piece p = HEADER_MORE;

	header_start(&h);
	for (size_t at = 0; at < in.n; at += step) {
		size_t n = in.n - at < step ? in.n - at : step;
		char *copy = malloc(n);
		struct str piece = { copy, n };

		memcpy(copy, in.p + at, n);
		while (p != HEADER_BODY && (p = header_next(&h, &piece)) != HEADER_MORE) {
			if (p == HEADER_FIELD)
				buf_printf(out, "[%.*s]", STR_ARG(h.name));
			else if (p == HEADER_VALUE)
				buf_str(out, h.piece);
			else
				buf_printf(out, "{%.*s}", STR_ARG(h.raw));
		}
		buf_str(out, piece);
		free(copy);
	}
	if (p != HEADER_BODY) {
		struct str rest = header_rest(&h);

		buf_printf(out, "<%.*s>", STR_ARG(rest));
	}
}

static void check_scan(const char *in, const char *expect)
{
	for (size_t step = 1; step <= strlen(in) + 1; step++) {
		struct buf b;

		buf_init(&b, 1 << 16);
		scan(str_of(in), step, &b);
		assert_string_equal(buf_cstr(&b), expect);
		buf_clear(&b);
	}
}

static void test_scan(void **state)
{
	(void)state;
	check_scan("A: b\r\nC:d\r\n\r\nbody\r\n", "[A] b\r\n[C]d\r\n{\r\n}body\r\n");
	check_scan("A: b\nC:d\n\nbody\n", "[A] b\n[C]d\n{\n}body\n");
	check_scan("A: b\r\n c\r\n\td\r\n\r\n", "[A] b\r\n c\r\n\td\r\n{\r\n}");
	check_scan("A : b\r\n\r\n", "[A] b\r\n{\r\n}");
	check_scan("A: b\r\nno field here\r\nB: c\r\n", "[A] b\r\n{no f}ield here\r\nB: c\r\n");
	check_scan("A: b\r\nnofield\r\n", "[A] b\r\n{nofield\r}\n");
	check_scan(": b\r\n", "{:} b\r\n");
	check_scan(" leading\r\nA: b\r\n", "{ }leading\r\nA: b\r\n");
	check_scan("\r\nbody", "{\r\n}body");
	check_scan("\rbody", "{\rb}ody");
	check_scan("A: b\r\n", "[A] b\r\n<>");
	check_scan("A: b\r\nhalf", "[A] b\r\n<half>");
	check_scan("A", "<A>");
	check_scan("", "<>");
}

static void test_long_name(void **state)
{
	char text[1000];
	struct header_scan h;
	struct str in = { text, sizeof text };

	(void)state;
	memset(text, 'n', sizeof text);
	header_start(&h);
	assert_int_equal(header_next(&h, &in), HEADER_BODY);
	assert_int_equal(h.raw.n, HEADER_NAME_MAX);
	assert_int_equal(h.raw.n + in.n, sizeof text);
}

static void test_unfold(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 20);
	assert_int_equal(header_unfold(&b, STR(" one\r\n two\n\tthree \r\n")), 0);
	assert_string_equal(buf_cstr(&b), "one two\tthree");
	assert_int_equal(header_unfold(&b, STR("too long for it")), -1);
	assert_int_equal(b.n, 13);
	buf_clear(&b);
}

static int put(void *arg, struct str s)
{
	return buf_str(arg, s);
}

static void check_edit(const struct edit *e, uint32_t n, const char *in, const char *expect)
{
	struct str text = str_of(in);

	for (size_t step = 1; step <= text.n + 1; step++) {
		struct edit_copy c;
		struct buf b;

		buf_init(&b, 1 << 16);
		edit_start(&c, e, n, put, &b);
		for (size_t at = 0; at < text.n; at += step)
			assert_int_equal(edit_feed(&c, str_take(str_skip(text, at), step)), 0);
		assert_int_equal(edit_finish(&c), 0);
		assert_string_equal(buf_cstr(&b), expect);
		buf_clear(&b);
	}
}

#define MSG "A: 1\r\nB: 2\r\n more\r\nA: 3\r\n\r\nbody\r\nA: not a field\r\n"

static void test_edit(void **state)
{
	const struct edit top = { EDIT_INSERT, 0, STR("X"), STR(" top") };
	const struct edit second = { EDIT_INSERT, 1, STR("Y"), STR(" y") };
	const struct edit far = { EDIT_INSERT, 99, STR("Z"), STR(" z") };
	const struct edit del_a2 = { EDIT_DELETE, 2, STR("a"), STR_NONE };
	const struct edit change_b = { EDIT_CHANGE, 1, STR("B"), STR(" two") };
	const struct edit change_none = { EDIT_CHANGE, 1, STR("N"), STR(" new") };
	const struct edit all[] = { top, second, far, del_a2, change_b, change_none, top };

	(void)state;
	check_edit(NULL, 0, MSG, MSG);
	check_edit(&top, 1, MSG, "X: top\r\n" MSG);
	check_edit(&del_a2, 1, MSG, "A: 1\r\nB: 2\r\n more\r\n\r\nbody\r\nA: not a field\r\n");
	check_edit(&change_b, 1, MSG, "A: 1\r\nB: two\r\nA: 3\r\n\r\nbody\r\nA: not a field\r\n");
	check_edit(all, 7, MSG,
	    "X: top\r\nX: top\r\nA: 1\r\nY: y\r\nB: two\r\nZ: z\r\nN: new\r\n\r\nbody\r\nA: not a "
	    "field\r\n");
	check_edit(&top, 1, "\r\nbody", "X: top\r\n\r\nbody");
	check_edit(&top, 1, "", "X: top\r\n");
	check_edit(&far, 1, "A: 1\r\n", "A: 1\r\nZ: z\r\n");
	check_edit(&far, 1, "A: 1\r\nno field\r\n", "A: 1\r\nZ: z\r\nno field\r\n");
}

static int refuse(void *arg, struct str s)
{
	(void)arg;
	(void)s;
	return 7;
}

static void test_edit_stops(void **state)
{
	const struct edit top = { EDIT_INSERT, 0, STR("X"), STR(" top") };
	struct edit_copy c;

	(void)state;
	edit_start(&c, &top, 1, refuse, NULL);
	assert_int_equal(edit_feed(&c, STR("A: b\r\n")), 7);
	edit_start(&c, NULL, 0, refuse, NULL);
	assert_int_equal(edit_feed(&c, STR("A: b\r\n")), 7);
}

static void test_facts(void **state)
{
	struct header_facts f = { 0 };

	(void)state;
	header_note(&f, STR("received"));
	header_note(&f, STR("RECEIVED"));
	header_note(&f, STR("Received-SPF"));
	header_note(&f, STR("date"));
	header_note(&f, STR("Message-Id"));
	assert_int_equal(f.received, 2);
	assert_true(f.date && f.message_id && !f.from);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_unfold),
		cmocka_unit_test(test_edit),
		cmocka_unit_test(test_edit_stops),
		cmocka_unit_test(test_facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
