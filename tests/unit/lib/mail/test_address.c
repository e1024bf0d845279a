/* Addresses: SMTP grammar, header grammar, domains, literals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "mail/address_list.h"
#include "mail/utf8.h"

struct row {
	const char *in;
	unsigned flags;
	enum address_error error;
	const char *out, *rest;
};

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_path(void **state)
{
	static const struct row rows[] = {
		{ "<alice@example.org> SIZE=1", 0, ADDRESS_OK, "alice@example.org", " SIZE=1" },
		{ "<Alice@EXAMPLE.Org>", 0, ADDRESS_OK, "Alice@example.org", "" },
		{ "<\"alice\"@example.org>", 0, ADDRESS_OK, "alice@example.org", "" },
		{ "<\"a\\l\\ice\"@example.org>", 0, ADDRESS_OK, "alice@example.org", "" },
		{ "<\"a b\"@example.org>", 0, ADDRESS_OK, "\"a b\"@example.org", "" },
		{ "<\"a\\\"b\\\\c\"@example.org>", 0, ADDRESS_OK, "\"a\\\"b\\\\c\"@example.org",
		    "" },
		{ "<\"a>b\"@example.org>x", 0, ADDRESS_OK, "\"a>b\"@example.org", "x" },
		{ "<\"|sh -c id\"@example.org>", 0, ADDRESS_OK, "\"|sh -c id\"@example.org", "" },
		{ "<@a.example,@b.example:u@c.example>", 0, ADDRESS_OK, "u@c.example", "" },
		{ "<@[192.0.2.1],@[IPv6:::1]:u@c.example>", 0, ADDRESS_OK, "u@c.example", "" },
		{ "<@a.example:>", 0, ADDRESS_NO_LOCAL, NULL, NULL },
		{ "<@a..b:u@c.example>", 0, ADDRESS_BAD_DOMAIN, NULL, NULL },
		{ "<@a.example,b.example:u@c.example>", 0, ADDRESS_SYNTAX, NULL, NULL },
		{ "<>", ADDRESS_NULL, ADDRESS_OK, "", "" },
		{ "<> BODY=7BIT", ADDRESS_NULL, ADDRESS_OK, "", " BODY=7BIT" },
		{ "<>", 0, ADDRESS_NO_LOCAL, NULL, NULL },
		{ "<Postmaster>", ADDRESS_BARE, ADDRESS_OK, "Postmaster", "" },
		{ "<Postmaster>", 0, ADDRESS_NO_DOMAIN, NULL, NULL },
		{ "<u@>", ADDRESS_BARE, ADDRESS_NO_DOMAIN, NULL, NULL },
		{ "<\"\"@example.org>", 0, ADDRESS_NO_LOCAL, NULL, NULL },
		{ "<@example.org>", 0, ADDRESS_SYNTAX, NULL, NULL },
		{ "alice@example.org", 0, ADDRESS_SYNTAX, NULL, NULL },
		{ "<alice@example.org", 0, ADDRESS_SYNTAX, NULL, NULL },
		{ "<a b@example.org>", 0, ADDRESS_SYNTAX, NULL, NULL },
		{ "<a..b@example.org>", 0, ADDRESS_SYNTAX, NULL, NULL },
		{ "<.a@example.org>", 0, ADDRESS_SYNTAX, NULL, NULL },
		{ "<a.@example.org>", 0, ADDRESS_SYNTAX, NULL, NULL },
		{ "<\"a@example.org>", 0, ADDRESS_SYNTAX, NULL, NULL },
		{ "<\"a\\", 0, ADDRESS_SYNTAX, NULL, NULL },
		{ "<a@b@c>", 0, ADDRESS_BAD_DOMAIN, NULL, NULL },
		{ "<u@[192.0.2.1]>", 0, ADDRESS_OK, "u@[192.0.2.1]", "" },
		{ "<u@[IPv6:2001:DB8:0:0::1]>", 0, ADDRESS_OK, "u@[IPv6:2001:db8::1]", "" },
		{ "<u@[999.1.1.1]>", 0, ADDRESS_BAD_LITERAL, NULL, NULL },
		{ "<u@[IPv6:::::1]>", 0, ADDRESS_BAD_LITERAL, NULL, NULL },
		{ "<u@[2001:db8::1]>", 0, ADDRESS_BAD_LITERAL, NULL, NULL },
		{ "<u@[tag:stuff]>", 0, ADDRESS_BAD_LITERAL, NULL, NULL },
		{ "<u@[192.0.2.1>", 0, ADDRESS_SYNTAX, NULL, NULL },
		{ "<u@example.org.>", 0, ADDRESS_BAD_DOMAIN, NULL, NULL },
		{ "<u@-example.org>", 0, ADDRESS_BAD_DOMAIN, NULL, NULL },
		{ "<u@192.0.2.1>", 0, ADDRESS_BAD_DOMAIN, NULL, NULL },
		{ "<u@ex ample.org>", 0, ADDRESS_BAD_DOMAIN, NULL, NULL },
		{ "<u@" L63 ".org>", 0, ADDRESS_OK, "u@" L63 ".org", "" },
		{ "<u@" L63 "a.org>", 0, ADDRESS_BAD_DOMAIN, NULL, NULL },
		{ "<" L63 "a@d.example>", 0, ADDRESS_OK, L63 "a@d.example", "" },
		{ "<" L63 "aa@d.example>", 0, ADDRESS_TOO_LONG, NULL, NULL },
		{ "<\"" L63 " \"@d.example>", 0, ADDRESS_TOO_LONG, NULL, NULL },
		{ "<j\xc3\xb6rg@example.org>", 0, ADDRESS_NOT_ASCII, NULL, NULL },
		{ "<j\xc3\xb6rg@example.org>", ADDRESS_UTF8, ADDRESS_OK, "j\xc3\xb6rg@example.org",
		    "" },
		{ "<j\xf6rg@example.org>", ADDRESS_UTF8, ADDRESS_NOT_ASCII, NULL, NULL },
		{ "<\xc0\xaf@example.org>", ADDRESS_UTF8, ADDRESS_NOT_ASCII, NULL, NULL },
		{ "<\xed\xa0\x80@example.org>", ADDRESS_UTF8, ADDRESS_NOT_ASCII, NULL, NULL },
		{ "<\xc2\x85@example.org>", ADDRESS_UTF8, ADDRESS_NOT_ASCII, NULL, NULL },
		{ "<u@B\xc3\xbc"
		  "cher.example>",
		    ADDRESS_UTF8, ADDRESS_OK, "u@xn--bcher-kva.example", "" },
		{ "<u@b\xc3\xbc"
		  "cher.example>",
		    0, ADDRESS_NOT_ASCII, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct str rest = str_of(rows[i].in);
		struct address a;
		enum address_error e = address_path(&rest, rows[i].flags, &a);

		if (e != rows[i].error)
			fail_msg("%s: %s, not %s", rows[i].in, address_error_text(e),
			    address_error_text(rows[i].error));
		if (e != ADDRESS_OK)
			continue;
		assert_true(a.text.n <= ADDRESS_MAX);
		assert_int_equal(a.text.n, strlen(rows[i].out));
		assert_memory_equal(a.text.p, rows[i].out, a.text.n);
		assert_true(str_eq(rest, str_of(rows[i].rest)));
	}
}

static void test_domain_length(void **state)
{
	char domain[300], text[400];
	struct address a;

	(void)state;
	memset(domain, 'a', sizeof domain);
	for (size_t i = 60; i < sizeof domain; i += 61)
		domain[i] = '.';
	for (size_t n = 250; n < 260; n++) {
		int len = snprintf(text, sizeof text, "u@%.*s", (int)n, domain);

		assert_int_equal(address_parse(str_bytes(text, (size_t)len), 0, &a),
		    n <= 255 ? ADDRESS_OK : ADDRESS_BAD_DOMAIN);
	}
}

/* Canonical text is a fixed point, and its parts are where they are said to be. */
static void check_fixed_point(const struct address *a)
{
	struct address b;
	char local[LOCAL_MAX];
	size_t n = address_unquote(a->local, local);

	assert_int_equal(address_parse(a->text, ADDRESS_UTF8 | ADDRESS_BARE, &b), ADDRESS_OK);
	assert_true(str_eq(a->text, b.text));
	assert_int_equal(
	    address_make(str_bytes(local, n), a->domain, ADDRESS_UTF8 | ADDRESS_BARE, &b),
	    ADDRESS_OK);
	assert_true(str_eq(a->text, b.text));
}

/* Every prefix and every changed byte, in a block of exactly that size (for ASan). */
static void test_mutations(void **state)
{
	static const char *const seeds[] = { "<\"a\\\"b\"@[IPv6:2001:db8::1]>",
		"<@a.example,@[192.0.2.1]:u.v+w@c.example> SIZE=1",
		"<j\xc3\xb6rg@b\xc3\xbc.example>" };

	(void)state;
	for (size_t s = 0; s < sizeof seeds / sizeof seeds[0]; s++) {
		size_t n = strlen(seeds[s]);

		for (size_t len = 0; len <= n; len++) {
			for (unsigned v = 0; v < 256; v += len == n ? 1 : 256) {
				for (size_t at = 0; at < (len == n ? n : 1); at++) {
					char *copy = malloc(len + !len);
					struct str rest = { copy, len };
					struct address a;

					memcpy(copy, seeds[s], len);
					if (len == n)
						copy[at] = (char)v;
					if (address_path(&rest, ADDRESS_UTF8, &a) == ADDRESS_OK)
						check_fixed_point(&a);
					free(copy);
				}
			}
		}
	}
}

static void check_list(const char *in, const char *expect)
{
	struct address_list l = address_list(str_of(in));
	struct address a;
	struct buf b;
	int r;

	buf_init(&b, 4096);
	while ((r = address_next(&l, ADDRESS_UTF8 | ADDRESS_BARE, &a)) != 0) {
		if (r == 1)
			buf_printf(&b, "%.*s|", STR_ARG(a.text));
		else
			buf_printf(&b, "!%.*s|", STR_ARG(l.item));
	}
	assert_string_equal(buf_cstr(&b), expect);
	buf_clear(&b);
}

static void test_list(void **state)
{
	(void)state;
	check_list("", "");
	check_list(" , ;\r\n\t,", "");
	check_list("a@b.example", "a@b.example|");
	check_list("Ann <a@b.example>, Bob <c@D.example>", "a@b.example|c@d.example|");
	check_list("\"Doe, John\" <j@d.example>,x@y.example", "j@d.example|x@y.example|");
	check_list("j@d.example (Doe, (\\) John)), x", "j@d.example|x|");
	check_list("friends: a@b.example, C <c@d.example>;, e@f.example",
	    "a@b.example|c@d.example|e@f.example|");
	check_list("undisclosed-recipients:;", "");
	check_list(
	    "Route <@a.example,@b.example:u@c.example>, v@w.example", "u@c.example|v@w.example|");
	check_list("u (c) @ (d) x . example", "u@x.example|");
	check_list("\"a\".b@x.example", "a.b@x.example|");
	check_list("\"a b\"@x.example", "\"a b\"@x.example|");
	check_list("u@[192.0.2.1], v@[IPv6:::1]", "u@[192.0.2.1]|v@[IPv6:::1]|");
	check_list("J\xc3\xb6rg <j\xc3\xb6rg@x.example>", "j\xc3\xb6rg@x.example|");
	check_list("root", "root|");
	check_list("two words", "!two words|");
	check_list("two words@x.example, a@b.example", "!two words@x.example|a@b.example|");
	check_list("<>", "!<>|");
	check_list("a@b@c", "!a@b@c|");
	check_list("<a@b.example", "!<a@b.example|");
	check_list("\"open", "!\"open|");
	check_list("(open \\", "");
	check_list("a@b.example <c@d.example> trailing, e@f.example", "c@d.example|e@f.example|");
	check_list("<user:x@y.example>", "!<user:x@y.example>|");
	check_list("a.@b.example, .c@d.example", "!a.@b.example|!.c@d.example|");
	check_list("a@b.example\r\n , c@d.example", "a@b.example|c@d.example|");
	check_list("<a@b.example> <c@d.example>", "a@b.example|");
}

static uint64_t micros(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Twice the input must not cost four times the work. */
static void test_linear(void **state)
{
	static const char *const patterns[] = { "(", "a@b,", "\"", "<", "\\", "@", "a.", ":",
		"<@a,", "[" };

	(void)state;
	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		enum { SIZE = 4 * 1024 * 1024 };
		char *big = malloc(SIZE);
		size_t n = strlen(patterns[i]);
		struct address_list l = address_list(str_bytes(big, SIZE));
		struct address a;
		uint64_t start = micros();

		for (size_t at = 0; at < SIZE; at++)
			big[at] = patterns[i][at % n];
		while (address_next(&l, 0, &a) != 0)
			;
		assert_true(micros() - start < 3000000);
		free(big);
	}
}

static void test_utf8(void **state)
{
	static const char *const good[] = { "", "abc", "\xc3\xa4", "\xe2\x82\xac",
		"\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = { "\x80", "\xc3", "\xc0\x80", "\xe0\x80\xaf",
		"\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "a\xe2\x82" };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(utf8_valid(str_of(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(utf8_valid(str_of(bad[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_domain_length),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_linear),
		cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
