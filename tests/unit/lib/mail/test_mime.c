/* The structure of messages: what IMAP says about good and broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mail/mime.h"
#include "mail/mime_imap.h"

/* Parses in pieces of `step` bytes (0 = at once); each piece is a heap block of its exact size. */
static void parse(struct mime *m, struct str s, size_t step)
{
	mime_init(m, false);
	for (size_t i = 0; i < s.n;) {
		size_t n = step == 0 || step > s.n - i ? s.n - i : step;
		char *piece = malloc(n);

		memcpy(piece, s.p + i, n);
		mime_feed(m, (struct str){ piece, n });
		free(piece);
		i += n;
	}
	mime_end(m);
}

static void render(struct buf *b, struct str message, size_t step)
{
	struct mime m;

	parse(&m, message, step);
	buf_reset(b);
	imap_put_envelope(b, &m, 0);
	buf_char(b, '\n');
	imap_put_body(b, &m, false);
	buf_char(b, '\n');
	imap_put_body(b, &m, true);
	mime_clear(&m);
}

static void check_body(const char *message, const char *want)
{
	struct mime m;
	struct buf b;

	buf_init(&b, 1 << 20);
	for (size_t step = 0; step < 5; step++) {
		parse(&m, str_of(message), step);
		buf_reset(&b);
		imap_put_body(&b, &m, true);
		assert_string_equal(buf_cstr(&b), want);
		mime_clear(&m);
	}
	buf_clear(&b);
}

static void check_envelope(const char *message, const char *want)
{
	struct mime m;
	struct buf b;

	buf_init(&b, 1 << 20);
	parse(&m, str_of(message), 0);
	imap_put_envelope(&b, &m, 0);
	assert_string_equal(buf_cstr(&b), want);
	mime_clear(&m);
	buf_clear(&b);
}

#define PLAIN "\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" "
#define TAIL  " NIL NIL NIL NIL)"

static void plain(void **state)
{
	(void)state;
	check_body("Subject: x\n\none\ntwo\n", "(" PLAIN "10 2" TAIL);
	check_body("Subject: x\r\n\r\none\r\ntwo\r\n", "(" PLAIN "10 2" TAIL);
	check_body("Subject: x\n\none\ntwo", "(" PLAIN "8 1" TAIL);
	check_body("", "(" PLAIN "0 0" TAIL);
	check_body("\n", "(" PLAIN "0 0" TAIL);
	check_body("no header at all", "(" PLAIN "0 0" TAIL);
	check_body(
	    "Content-Type: IMAGE/png; Name=\"a \\\"b.png\"\nContent-Transfer-Encoding: Base64\n"
	    "Content-ID: <x@y>\nContent-Description: d (e)\nContent-MD5: Q2hlY2s=\n"
	    "Content-Disposition: attachment; filename=foo bar.pdf\nContent-Language: en, (x) de\n"
	    "Content-Location: here\n\nAAAA\n",
	    "(\"IMAGE\" \"png\" (\"name\" \"a \\\"b.png\") \"<x@y>\" \"d (e)\" \"Base64\" 6 "
	    "\"Q2hlY2s=\" "
	    "(\"attachment\" (\"filename\" \"foo bar.pdf\")) (\"en\" \"de\") \"here\")");
}

static void multipart(void **state)
{
	(void)state;
	check_body(
	    "Content-Type: multipart/mixed; boundary=\"b\"\n\npreamble\n--b\n\nfirst\n\n--b\n"
	    "Content-Type: text/html\n\n<p>\n--b--\nepilogue\n",
	    "((" PLAIN "7 1" TAIL
	    "(\"text\" \"html\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 0" TAIL
	    " \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)");
	/* no part, no end, a delimiter inside a header */
	check_body("Content-Type: multipart/mixed; boundary=b\n\nnothing\n",
	    "((" PLAIN "0 0" TAIL " \"mixed\" "
	    "(\"boundary\" \"b\") NIL NIL NIL)");
	check_body("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx",
	    "((" PLAIN "1 0" TAIL " \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)");
	check_body("Content-Type: multipart/mixed; boundary=b\n\n--b\nA: b\n--b--\n",
	    "((" PLAIN "0 0" TAIL " \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)");
	check_body("Content-Type: multipart/digest; boundary=b\n\nnothing\n",
	    "((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 0 (NIL NIL NIL NIL NIL NIL NIL NIL NIL "
	    "NIL) "
	    "(" PLAIN "0 0" TAIL " 0" TAIL " \"digest\" (\"boundary\" \"b\") NIL NIL NIL)");
	/* boundary: empty; as the parent's; a prefix of the parent's */
	check_body("Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\nx\n",
	    "(\"application\" \"octet-stream\" NIL NIL NIL \"7bit\" 9" TAIL);
	check_body(
	    "Content-Type: multipart/mixed; boundary=bc\n\n--bc\n"
	    "Content-Type: multipart/alternative; boundary=b\n\n--b\n\n1\n--bc\n\n2\n--bc--\n",
	    "((("
	    "\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0" TAIL
	    " \"alternative\" (\"boundary\" \"b\") NIL NIL NIL)(" PLAIN "1 0" TAIL
	    " \"mixed\" (\"boundary\" \"bc\") NIL NIL NIL)");
	check_body(
	    "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
	    "Content-Type: multipart/alternative; boundary=b\n\n--b\n\n1\n--b--\n--b\n\n2\n--b--\n",
	    "(((" PLAIN "1 0" TAIL " \"alternative\" (\"boundary\" \"b\") NIL NIL NIL)(" PLAIN
	    "1 0" TAIL " \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)");
}

static void message(void **state)
{
	(void)state;
	check_body("Content-Type: message/rfc822\n\nSubject: in\nFrom: a@b\n\nhello\n",
	    "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 33 (NIL \"in\" ((NIL NIL \"a\" \"b\")) "
	    "((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) NIL NIL NIL NIL NIL) (" PLAIN
	    "7 1" TAIL " 4" TAIL);
	check_body("Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: d\n\nx\n--b--\n",
	    "((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 15 (NIL \"d\" NIL NIL NIL NIL NIL NIL "
	    "NIL NIL) (" PLAIN "1 0" TAIL " 2" TAIL
	    " \"digest\" (\"boundary\" \"b\") NIL NIL NIL)");
}

static void rfc2231(void **state)
{
	(void)state;
	check_body("Content-Type: text/x; title*1*=%20b; title*0*=utf-8'en'a; title*2=\"c d\"; "
		   "title*9=gap; "
		   "x*99999=1; name*=utf-8''%zz\n\n",
	    "(\"text\" \"x\" (\"title*\" \"utf-8'en'a%20bc%20d\" \"x*99999\" \"1\" \"name*\" "
	    "\"utf-8''%zz\" \"charset\" \"us-ascii\") "
	    "NIL NIL \"7bit\" 0 0" TAIL);
}

#define NOBODY    " NIL NIL NIL NIL NIL)"
#define THRICE(a) a " " a " " a

static void envelopes(void **state)
{
	(void)state;
	check_envelope("Subject: =?utf-8?q?x?=\n\tfolded\nDate: Mon, 1 Jan 2024 00:00:00 +0000\n"
		       "Message-ID: <a@b>\nIn-Reply-To: <c@d>\n\n",
	    "(\"Mon, 1 Jan 2024 00:00:00 +0000\" \"=?utf-8?q?x?=\tfolded\" NIL NIL NIL NIL NIL NIL "
	    "\"<c@d>\" \"<a@b>\")");
	check_envelope("From: \"A \\\"q\\\" B\" (c (d)) <a.b@c.d>, e@[1.2.3.4] (E F)\n\n",
	    "(NIL NIL " THRICE(
		"((\"A \\\"q\\\" B\" NIL \"a.b\" \"c.d\")(\"E F\" NIL \"e\" \"[1.2.3.4]\"))")
		NOBODY);
	check_envelope("From: J. Doe <@r,@s:j@d>\n\n",
	    "(NIL NIL " THRICE("((\"J. Doe\" \"@r,@s\" \"j\" \"d\"))") NOBODY);
	check_envelope("To: g: a@b, c@d;, undisclosed-recipients:;\nCc: , ,\nBcc: root, <>\n\n",
	    "(NIL NIL NIL NIL NIL ((NIL NIL \"g\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL \"c\" "
	    "\"d\")(NIL NIL NIL NIL)"
	    "(NIL NIL \"undisclosed-recipients\" NIL)(NIL NIL NIL NIL)) NIL "
	    "((NIL NIL \"root\" \"MISSING_DOMAIN\")(NIL NIL \"MISSING_MAILBOX\" "
	    "\"MISSING_DOMAIN\")) NIL NIL)");
	/* comment ending in a backslash, open quote, open bracket, open group */
	check_envelope("To: a@b (x\\\n\n",
	    "(NIL NIL NIL NIL NIL ((\"x\\\\\" NIL \"a\" \"b\")) NIL NIL NIL NIL)");
	check_envelope("To: \"abc\n\n",
	    "(NIL NIL NIL NIL NIL ((NIL NIL \"abc\" \"MISSING_DOMAIN\")) NIL NIL NIL NIL)");
	check_envelope("To: a <b@c\nSender: x: y@z\n\n",
	    "(NIL NIL NIL ((NIL NIL \"x\" NIL)(NIL NIL \"y\" \"z\")(NIL NIL NIL NIL)) NIL "
	    "((\"a\" NIL \"b\" \"c\")) NIL NIL NIL NIL)");
	/* two of one field; a field without name; 8 bit */
	check_envelope("To: a@b\nTo: c@d\n: x\nnocolon\n\xc3\xa9: y\nSubject: \xc3\xa9\n\n",
	    "(NIL {2}\r\n\xc3\xa9 NIL NIL NIL ((NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\")) NIL NIL "
	    "NIL NIL)");
}

static void numbers(void **state)
{
	static const char text[] =
	    "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n1\n--b\n"
	    "Content-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=c\n\n"
	    "--c\n\n2.1\n--c\n\n2.2\n--c--\n--b\nContent-Type: message/rfc822\n\nS: "
	    "x\n\nt\n--b--\n";
	static const struct {
		uint32_t n[4];
		unsigned count;
		uint32_t want;
	} rows[] = { { { 0 }, 0, 0 }, { { 1 }, 1, 1 }, { { 2 }, 1, 2 }, { { 2, 1 }, 2, 4 },
		{ { 2, 2 }, 2, 5 }, { { 3 }, 1, 6 }, { { 3, 1 }, 2, 7 }, { { 4 }, 1, MIME_NONE },
		{ { 1, 1 }, 2, MIME_NONE }, { { 3, 2 }, 2, MIME_NONE },
		{ { 2, 1, 1 }, 3, MIME_NONE }, { { 0 }, 1, MIME_NONE } };
	struct mime m;

	(void)state;
	parse(&m, (struct str){ text, sizeof text - 1 }, 0);
	assert_int_equal(m.n, 8);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(mime_find(m.nodes, rows[i].n, rows[i].count), rows[i].want);
	assert_int_equal(m.nodes[4].body.at, (size_t)(strstr(text, "2.1\n") - text));
	assert_int_equal(m.nodes[4].end.at, m.nodes[4].body.at + 3);
	mime_clear(&m);
}

/* --- limits ---------------------------------------------------------------------------------- */

/* head, then n times unit (one %u is its number), then tail */
static struct str repeat(
    struct buf *b, const char *head, const char *unit, unsigned n, const char *tail)
{
	buf_reset(b);
	buf_z(b, head);
	for (unsigned i = 0; i < n; i++)
		buf_z(b, unit);
	buf_z(b, tail);
	return buf_view(b);
}

static void limits(void **state)
{
	struct buf b;
	struct mime m;
	struct buf out;

	(void)state;
	buf_init(&b, 64 << 20);
	buf_init(&out, 64 << 20);

	parse(&m, repeat(&b, "", "Content-Type: message/rfc822\n\n", 10000, "x"), 0);
	assert_int_equal(m.n, MIME_DEPTH + 1);
	assert_int_equal(m.nodes[MIME_DEPTH].kind, MIME_OPAQUE);
	imap_put_body(&out, &m, true);
	mime_clear(&m);

	parse(&m, repeat(&b, "Content-Type: multipart/mixed; boundary=b\n", "\n--b\n", 1000000, ""),
	    0);
	assert_int_equal(m.n, MIME_PARTS);
	buf_reset(&out);
	imap_put_body(&out, &m, true);
	assert_false(out.full);
	mime_clear(&m);

	parse(&m, repeat(&b, "To: a@b", ", a@b", 100000, "\n\n"), 0);
	buf_reset(&out);
	imap_put_envelope(&out, &m, 0);
	assert_int_equal(out.n, strlen("(NIL NIL NIL NIL NIL () NIL NIL NIL NIL)") +
				    MIME_ADDRESSES * strlen("(NIL NIL \"a\" \"b\")"));
	mime_clear(&m);

	parse(&m, repeat(&b, "To: ", "(", 100000, "\n\n"), 0);
	mime_clear(&m);
	parse(&m, repeat(&b, "X: y", "\n z", 10 << 20, "\n\n"), 4096);
	assert_true(m.field.cap <= 2 * MIME_FIELD_BYTES);
	mime_clear(&m);
	buf_clear(&b);
	buf_clear(&out);
}

static double seconds(struct str s)
{
	struct buf out;
	struct timespec a, z;

	buf_init(&out, 256 << 20);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	render(&out, s, 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &z);
	buf_clear(&out);
	return (double)(z.tv_sec - a.tv_sec) + (double)(z.tv_nsec - a.tv_nsec) / 1e9;
}

/* Twice the input takes about twice the time: generators of what hurt other parsers. */
static void linear(void **state)
{
	static const struct {
		const char *head, *unit;
	} rows[] = { { "To: ", "(" }, { "To: ", "a@b," }, { "To: ", "g:" }, { "To: ", "\"" },
		{ "To: ", "<" }, { "Content-Type: a/b", ";x*0=1" },
		{ "Content-Type: a/b", ";x*1*=%" },
		{ "Content-Type: multipart/mixed; boundary=b\n\n", "--b\n\n" },
		{ "Content-Type: multipart/mixed; boundary=b\n\n",
		    "--b\nContent-Type: multipart/mixed; boundary=b\n\n" },
		{ "", "Content-Type: message/rfc822\n\n" }, { "", "To: x\n" }, { "", "\n" },
		{ "A: b\n", " c\n" }, { "Content-Disposition: ", "x;" },
		{ "Content-Language: ", "x," } };
	struct buf b;

	(void)state;
	buf_init(&b, 64 << 20);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		unsigned n = (unsigned)((1u << 20) / strlen(rows[i].unit));
		double one = seconds(repeat(&b, rows[i].head, rows[i].unit, n, "\n\n"));
		double two = seconds(repeat(&b, rows[i].head, rows[i].unit, 2 * n, "\n\n"));

		/* 20 ms are for the noise of small figures */
		assert_true(two <= 3 * one + 0.02);
	}
	buf_clear(&b);
}

/* Every prefix and every changed byte of a sample, in blocks of the exact size. */
static void mutations(void **state)
{
	static const char text[] =
	    "From: \"A\" (c) <a@b>, g: x@y;\nContent-Type: multipart/mixed; boundary=\"b\"; "
	    "x*0*=a''b\n\n--b\n"
	    "Content-Type: message/rfc822\n\nSubject: s\n\nt\n--b\n\nu\n--b--\n";
	static const char bytes[] = "\0\n\r\"\\()<>,;:@=-* \xff";
	struct buf out, changed;

	(void)state;
	buf_init(&out, 1 << 20);
	buf_init(&changed, 4096);
	for (size_t n = 0; n < sizeof text; n++)
		render(&out, (struct str){ text, n }, n % 7);
	for (size_t i = 0; i < sizeof text - 1; i++) {
		for (size_t k = 0; k < sizeof bytes - 1; k++) {
			buf_reset(&changed);
			buf_put(&changed, text, sizeof text - 1);
			changed.p[i] = bytes[k];
			render(&out, buf_view(&changed), k);
		}
	}
	buf_clear(&out);
	buf_clear(&changed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(multipart),
		cmocka_unit_test(message),
		cmocka_unit_test(rfc2231),
		cmocka_unit_test(envelopes),
		cmocka_unit_test(numbers),
		cmocka_unit_test(limits),
		cmocka_unit_test(linear),
		cmocka_unit_test(mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
