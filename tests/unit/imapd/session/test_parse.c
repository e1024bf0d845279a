/* What commands are made of: atoms, strings, sets, dates, names, patterns, FETCH and SEARCH. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../../../../imapd/session/date.h"
#include "../../../../imapd/session/fetch.h"
#include "../../../../imapd/session/mutf7.h"
#include "../../../../imapd/session/pattern.h"
#include "../../../../imapd/session/search.h"
#include "../../../../imapd/session/set.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_clear(&arena);
	return 0;
}

static struct parse text(const char *z)
{
	return (struct parse){ .p = z, .end = z + strlen(z), .arena = &arena };
}

static void assert_str(struct str s, const char *want)
{
	assert_int_equal(s.n, strlen(want));
	assert_memory_equal(s.p, want, s.n);
}

/* --- strings --------------------------------------------------------------------------------- */

static void strings(void **state)
{
	struct parse p = text("atom \"quo\\\"te\\\\d\" INBOX] NIL \xc3\xa9 a%b");
	struct str s;

	(void)state;
	assert_true(parse_atom(&p, &s));
	assert_str(s, "atom");
	assert_true(parse_sp(&p) && parse_astring(&p, &s));
	assert_str(s, "quo\"te\\d");
	assert_true(parse_sp(&p) && parse_astring(&p, &s));
	assert_str(s, "INBOX]");
	assert_true(parse_sp(&p) && parse_nstring(&p, &s) && s.p == NULL);
	assert_true(parse_sp(&p) && parse_astring(&p, &s));
	assert_str(s, "\xc3\xa9");
	assert_true(parse_sp(&p) && parse_list_mailbox(&p, &s));
	assert_str(s, "a%b");
	assert_true(parse_end(&p));

	p = text("\"open");
	assert_false(parse_string(&p, &s));
	p = text("\"open\\");
	assert_false(parse_string(&p, &s));
	p = text("(x");
	assert_false(parse_astring(&p, &s));
	p = text("");
	assert_false(parse_atom(&p, &s));
	p = text("{5}");
	assert_false(parse_string(&p, &s));
}

static void literals(void **state)
{
	static const struct {
		const char *text;
		bool good, sync;
		uint64_t n;
	} rows[] = { { "{0}", true, true, 0 }, { "{12+}", true, false, 12 },
		{ "{4294967296}", true, true, 4294967296 },
		{ "{1000000000000000000000000000000}", true, true, UINT64_MAX },
		{ "{}", false, false, 0 }, { "{-1}", false, false, 0 }, { "{1} ", false, false, 0 },
		{ "{1", false, false, 0 }, { "{1++}", false, false, 0 },
		{ "{+}", false, false, 0 } };
	uint64_t n;
	bool sync;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct parse p = text(rows[i].text);

		assert_int_equal(parse_literal_head(&p, &n, &sync), rows[i].good);
		if (rows[i].good) {
			assert_true(n == rows[i].n);
			assert_int_equal(sync, rows[i].sync);
		}
	}
}

static void flags(void **state)
{
	struct flag_list f;
	struct parse p = text("(\\seen \\Deleted $Label1 foo)");

	(void)state;
	assert_true(parse_flags(&p, &f) && parse_end(&p));
	assert_int_equal(f.flags, STORE_SEEN | STORE_DELETED);
	assert_int_equal(f.nkeywords, 2);
	assert_str(f.keywords[0], "$Label1");
	p = text("()");
	assert_true(parse_flags(&p, &f) && parse_end(&p) && f.flags == 0);
	p = text("\\Flagged \\Recent");
	assert_true(parse_flags(&p, &f) && parse_end(&p) && f.flags == STORE_FLAGGED);
	p = text("(\\Other)");
	assert_false(parse_flags(&p, &f));
	p = text("(a ");
	assert_false(parse_flags(&p, &f));
}

/* --- sets ------------------------------------------------------------------------------------ */

static void check_set(const char *set, uint32_t star, const char *want)
{
	struct parse p = text(set);
	struct set s;
	struct buf b;

	assert_true(parse_set(&p, &s) && parse_end(&p));
	set_resolve(&s, star);
	buf_init(&b, 1000);
	for (size_t i = 0; i < s.n; i++)
		buf_printf(&b, "%u-%u ", s.ranges[i].from, s.ranges[i].to);
	assert_string_equal(buf_cstr(&b), want);
	buf_clear(&b);
}

static void sets(void **state)
{
	static const char *const bad[] = { "", "0", "0:1", "1:", ":1", "1,", ",1", "a", "1:2:3",
		"-1", "4294967296", "1;2" };
	static const uint32_t numbers[] = { 1, 2, 3, 5, 7, 8 };
	struct set s;
	struct buf b;

	(void)state;
	check_set("1", 9, "1-1 ");
	check_set("3:1,5,4", 9, "1-5 ");
	check_set("1,3,1:2,9", 9, "1-3 9-9 ");
	check_set("*", 9, "9-9 ");
	check_set("12:*", 9, "9-12 ");
	check_set("*:*", 9, "9-9 ");
	check_set("1:4294967295,7", 9, "1-4294967295 ");
	check_set("*,1", 0, "0-1 ");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct parse p = text(bad[i]);

		assert_false(parse_set(&p, &s) && parse_end(&p));
	}
	buf_init(&b, 100);
	set_put(&b, numbers, 6);
	assert_string_equal(buf_cstr(&b), "1:3,5,7:8");
	buf_clear(&b);
}

static void set_membership(void **state)
{
	struct parse p = text("2:4,8,10:12");
	struct set s;

	(void)state;
	assert_true(parse_set(&p, &s));
	set_resolve(&s, 20);
	for (uint32_t i = 0; i < 15; i++)
		assert_int_equal(
		    set_has(&s, i), (i >= 2 && i <= 4) || i == 8 || (i >= 10 && i <= 12));
}

/* --- dates ----------------------------------------------------------------------------------- */

static void dates(void **state)
{
	static const struct {
		const char *text;
		int64_t want; /* INT64_MIN: bad */
	} times[] = { { " 1-Jan-1970 00:00:00 +0000", 0 },
		{ "17-Jul-1996 02:44:25 -0700", 837596665 },
		{ "29-Feb-2000 23:59:60 +0000", 951868800 },
		{ "29-Feb-1900 00:00:00 +0000", INT64_MIN },
		{ "31-Feb-2000 00:00:00 +0000", INT64_MIN },
		{ "1-Jan-99999 00:00:00 +0000", INT64_MIN },
		{ "1-Jan-2000 24:00:00 +0000", INT64_MIN }, { "1-Jan-2000 00:00:00", INT64_MIN },
		{ "1-Jan-2000 00:00:00 +0000x", INT64_MIN }, { "", INT64_MIN } };
	static const struct {
		const char *text;
		int64_t want;
	} headers[] = { { "Wed, 17 Jul 1996 02:23:25 -0700 (PDT)", 837570205 },
		{ "17 Jul 96", 837561600 }, { "Thu,  1-Jan-1970 0:0", 0 }, { "Date?", INT64_MIN },
		{ "31 Feb 2020 00:00:00 +0000", INT64_MIN }, { "1 Jan 120", 1577836800 } };
	int64_t t;
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		bool good = date_parse_time(str_of(times[i].text), &t);

		assert_int_equal(good, times[i].want != INT64_MIN);
		if (good)
			assert_int_equal(t, times[i].want);
	}
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		bool good = date_parse_header(str_of(headers[i].text), &t);

		assert_int_equal(good, headers[i].want != INT64_MIN);
		if (good)
			assert_int_equal(t, headers[i].want);
	}
	/* there and back, over leap years and centuries */
	for (int64_t day = -300000; day < 900000; day += 97) {
		struct str s;

		buf_reset(&b);
		date_put(&b, day * DATE_DAY + day % 86000);
		s = buf_view(&b);
		assert_true(date_parse_time((struct str){ s.p + 1, s.n - 2 }, &t));
		assert_int_equal(t, day * DATE_DAY + day % 86000);
	}
	buf_reset(&b);
	date_put(&b, INT64_MAX);
	date_put(&b, INT64_MIN);
	assert_string_equal(
	    buf_cstr(&b), "\"31-Dec-9999 23:59:59 +0000\"\" 1-Jan-0001 00:00:00 +0000\"");
	buf_clear(&b);
}

/* --- names ----------------------------------------------------------------------------------- */

static void names(void **state)
{
	static const struct {
		const char *wire, *utf8;
	} rows[] = { { "INBOX", "INBOX" }, { "A&-B", "A&B" }, { "Entw&APw-rfe", "Entw\xc3\xbcrfe" },
		{ "&U,BTFw-", "\xe5\x8f\xb0\xe5\x8c\x97" },
		{ "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
		    "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e" },
		{ "&2D3eAA-", "\xf0\x9f\x98\x80" }, { "", "" } };
	/* not what an encoder writes */
	static const char *const odd[] = { "&", "a&b", "&AGE-", "&2D0-", "&3gA-", "&A-", "&AA-",
		"&APw!-", "&AP-" };
	struct str out;
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(mutf7_decode(&arena, str_of(rows[i].wire), &out));
		assert_str(out, rows[i].utf8);
		buf_reset(&b);
		mutf7_encode(&b, str_of(rows[i].utf8));
		assert_string_equal(buf_cstr(&b), rows[i].wire);
	}
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		assert_false(mutf7_decode(&arena, str_of(odd[i]), &out));
	assert_true(mutf7_decode(&arena, STR("raw\xc3\xbc"), &out));
	assert_str(out, "raw\xc3\xbc");
	buf_reset(&b);
	mutf7_encode(&b, STR("\xff\xc3"));
	assert_string_equal(buf_cstr(&b), "&,,3,,Q-");
	buf_clear(&b);
}

static void patterns(void **state)
{
	static const struct {
		const char *reference, *pattern, *name;
		bool want;
	} rows[] = { { "", "*", "a/b", true }, { "", "%", "a/b", false }, { "", "%", "a", true },
		{ "a/", "%", "a/b", true }, { "a/", "%", "a/b/c", false },
		{ "a/", "*", "a/b/c", true }, { "", "inbox", "INBOX", true },
		{ "", "InBox/x", "INBOX/x", true }, { "", "inbox/X", "INBOX/x", false },
		{ "", "inboxx", "INBOXX", false }, { "", "%/b", "a/b", true },
		{ "", "%b", "a/b", false }, { "", "*b", "a/b", true },
		{ "", "a%c%e", "abcde", true }, { "", "a%c%e", "abcd/e", false },
		{ "", "*/%", "a/b/c", true }, { "", "%*%", "a/b", true },
		{ "", "a*b%c", "axbx/bxc", true }, { "", "", "a", false }, { "", "%%%", "a", true },
		{ "", "a", "ab", false } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct str p =
		    pattern_make(&arena, str_of(rows[i].reference), str_of(rows[i].pattern));

		assert_int_equal(pattern_match(p, str_of(rows[i].name)), rows[i].want);
	}
}

/* A slow but obvious matcher. */
static bool obvious(struct str p, struct str n)
{
	if (p.n == 0)
		return n.n == 0;
	if (p.p[0] != '*' && p.p[0] != '%')
		return n.n > 0 && p.p[0] == n.p[0] && obvious(str_skip(p, 1), str_skip(n, 1));
	for (size_t i = 0; i <= n.n; i++) {
		if (obvious((struct str){ p.p + 1, p.n - 1 }, (struct str){ n.p + i, n.n - i }))
			return true;
		if (i < n.n && p.p[0] == '%' && n.p[i] == '/')
			break;
	}
	return false;
}

static void random_patterns(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		char p[9], n[13];
		size_t np = (size_t)(rand_r(&seed) % 8), nn = (size_t)(rand_r(&seed) % 12);
		struct str made;

		for (size_t k = 0; k < np; k++)
			p[k] = "ab/*%"[rand_r(&seed) % 5];
		for (size_t k = 0; k < nn; k++)
			n[k] = "ab/"[rand_r(&seed) % 3];
		made = pattern_make(&arena, STR_NONE, (struct str){ p, np });
		assert_int_equal(pattern_match(made, (struct str){ n, nn }),
		    obvious((struct str){ p, np }, (struct str){ n, nn }));
		if (i % 1000 == 0)
			arena_reset(&arena);
	}
}

/* --- FETCH and SEARCH ------------------------------------------------------------------------ */

static void fetches(void **state)
{
	static const char *const good[] = { " FLAGS", " (FLAGS UID)", " ALL", " full", " BODY",
		" BODY[]", " (BODY.PEEK[1.2.MIME] BODY[1.HEADER.FIELDS (To \"Cc\")]<5.10>)",
		" RFC822.HEADER", " BODY[TEXT]<0.4294967295>", " (MODSEQ) (CHANGEDSINCE 12)",
		" BODY[1]" };
	static const char *const bad[] = { "", " ", " ()", " (FLAGS", " FLAGS UID", " X", " BODY[",
		" BODY[]<", " BODY[MIME]", " BODY[0]", " BODY[1.]", " BODY[1.X]", " BODY[]<1>",
		" BODY[]<1.0>", " BODY[HEADER.FIELDS]", " BODY[HEADER.FIELDS ()]",
		" BODY[HEADER.FIELDS (a]", " BODY.PEEK", " FLAGS (CHANGEDSINCE)", " FLAGS (X 1)",
		" (ALL)" };
	struct fetch f;
	struct parse p;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		p = text(good[i]);
		assert_true(fetch_parse(&p, &f));
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		p = text(bad[i]);
		assert_false(fetch_parse(&p, &f));
		assert_non_null(p.error);
	}
	p = text(good[6]);
	assert_true(fetch_parse(&p, &f));
	assert_str(f.items[0].label, "BODY[1.2.MIME]");
	assert_false(f.items[0].seen);
	assert_str(f.items[1].label, "BODY[1.HEADER.FIELDS (To Cc)]<5>");
	assert_true(f.items[1].seen);
	assert_int_equal(f.items[1].count, 10);
}

static void many_items(void **state)
{
	struct fetch f;
	struct parse p;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	for (unsigned n = FETCH_ITEMS - 1; n <= FETCH_ITEMS + 1; n++) {
		buf_reset(&b);
		buf_z(&b, " (UID");
		for (unsigned i = 1; i < n; i++)
			buf_z(&b, i % 2 ? " BODY.PEEK[HEADER.FIELDS (a b c d e)]" : " FLAGS");
		buf_char(&b, ')');
		p = text(buf_cstr(&b));
		assert_int_equal(fetch_parse(&p, &f), n <= FETCH_ITEMS);
		assert_int_equal(f.items[1].nfields, 5);
		assert_str(f.items[1].fields[4], "e");
	}
	buf_clear(&b);
}

static struct parse nested(struct buf *b, const char *unit, int n, const char *tail)
{
	buf_reset(b);
	buf_char(b, ' ');
	for (int i = 0; i < n; i++)
		buf_z(b, unit);
	buf_z(b, tail);
	return text(buf_cstr(b));
}

static void searches(void **state)
{
	static const char *const good[] = { " ALL", " 1:*", " UNSEEN FROM x",
		" CHARSET UTF-8 TEXT \xc3\xa9", " OR SEEN NOT (DELETED 1 UID 5)", " RETURN () ALL",
		" RETURN (MIN MAX COUNT) SINCE 1-Feb-1994", " HEADER X-Y \"\"", " MODSEQ 5",
		" MODSEQ \"/flags/\\\\draft\" all 620162338", " NOT NOT SEEN",
		" KEYWORD $x UNKEYWORD y LARGER 5 SMALLER 6 SENTON \"1-Feb-1994\"" };
	static const char *const bad[] = { "", " ", " X", " OR SEEN", " NOT", " (", " ()", " (SEEN",
		" SEEN)", " FROM", " SINCE x", " SINCE 31-Feb-2000", " LARGER x", " UID", " 0",
		" RETURN (X) ALL", " RETURN ALL", " CHARSET UTF-8", " HEADER x", " SEEN  SEEN" };
	struct search q;
	struct parse p;
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		p = text(good[i]);
		assert_true(search_parse(&p, &q));
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		p = text(bad[i]);
		assert_false(search_parse(&p, &q));
		assert_non_null(p.error);
	}
	p = text(" CHARSET KOI8-R ALL");
	assert_true(search_parse(&p, &q) && q.bad_charset);

	buf_init(&b, 1 << 20);
	p = nested(&b, "(", 10000, "ALL");
	assert_false(search_parse(&p, &q));
	p = nested(&b, "NOT ", 10000, "ALL");
	assert_false(search_parse(&p, &q));
	p = nested(&b, "OR SEEN ", 10000, "ALL");
	assert_false(search_parse(&p, &q));
	p = nested(&b, "NOT ", 45, "ALL");
	assert_true(search_parse(&p, &q));
	p = nested(&b, "SEEN ", 10000, "ALL");
	assert_false(search_parse(&p, &q));
	buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(strings, setup, teardown),
		cmocka_unit_test_setup_teardown(literals, setup, teardown),
		cmocka_unit_test_setup_teardown(flags, setup, teardown),
		cmocka_unit_test_setup_teardown(sets, setup, teardown),
		cmocka_unit_test_setup_teardown(set_membership, setup, teardown),
		cmocka_unit_test_setup_teardown(dates, setup, teardown),
		cmocka_unit_test_setup_teardown(names, setup, teardown),
		cmocka_unit_test_setup_teardown(patterns, setup, teardown),
		cmocka_unit_test_setup_teardown(random_patterns, setup, teardown),
		cmocka_unit_test_setup_teardown(fetches, setup, teardown),
		cmocka_unit_test_setup_teardown(many_items, setup, teardown),
		cmocka_unit_test_setup_teardown(searches, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
