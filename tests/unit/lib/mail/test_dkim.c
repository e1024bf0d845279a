/* Canonical forms (RFC 6376 3.4.5 has examples), the text that is signed, and the field that is made of it. */
#include "mail/dkim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void add(void *arg, struct str bytes)
{
	buf_str(arg, bytes);
}

/* In pieces of every size. */
static void body(const char *from, const char *to)
{
	for (size_t piece = 1; piece <= strlen(from) + 1; piece++) {
		struct dkim_body b;
		struct buf out;

		buf_init(&out, 1000);
		dkim_body_start(&b, add, &out);
		for (struct str rest = str_of(from); rest.n > 0; rest = str_skip(rest, piece))
			dkim_body_feed(&b, str_take(rest, piece));
		dkim_body_finish(&b);
		assert_string_equal(buf_cstr(&out), to);
		buf_clear(&out);
	}
}

static void test_bodies(void **state)
{
	(void)state;
	body(" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n");
	body("", "");
	body("\r\n", "");
	body(" \t\r\n \r\n", "");
	body("a", "a\r\n");
	body("a\r\n", "a\r\n");
	body("a \t", "a\r\n");
	body("\r\n\r\na\r\n", "\r\n\r\na\r\n");
	body("a\r\n\r\n b\r\n", "a\r\n\r\n b\r\n");
	body("a\r b\n\r", "a\r b\n\r\r\n");
	body("a \r\r\nb", "a \r\r\nb\r\n");
}

static const struct dkim_key key = { STR("example.org"), STR("s1"), STR("rsa-sha256") };
static const uint8_t hash[DKIM_HASH] = "0123456789abcdef0123456789abcdef";

static int make(const char *header, const char *const *names, size_t n, struct buf *text)
{
	buf_init(text, DKIM_TEXT_MAX);
	return dkim_text(&key, str_of(header), names, n, hash, 1764460800, text);
}

#define OWN                                                                                        \
	"dkim-signature:v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s1; t=1764460800; "
#define HASH " bh=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=; b="

static void test_text(void **state)
{
	static const char *const names[] = { "From", "to", "Received" };
	struct buf text;

	(void)state;
	assert_int_equal(make("Received: 1\r\nA: X\r\nB : Y\t\r\n\tZ  \r\nFROM:\t a@b.test\r\n"
			      "received:2\r\n\r\nTo: in the body\r\n",
			     names, 3, &text),
	    0);
	assert_string_equal(buf_cstr(&text), "from:a@b.test\r\nreceived:2\r\nreceived:1\r\n" OWN
					     "h=from:from:to:received:received:received;" HASH);
	buf_clear(&text);

	assert_int_equal(
	    make("a: X\r\nB : Y\t\r\n\tZ  \r\n\r\n", (const char *const[]){ "B" }, 1, &text), 0);
	assert_string_equal(buf_cstr(&text), "b:Y Z\r\n" OWN "h=b:b;" HASH);
	buf_clear(&text);

	assert_int_equal(make("", names, 1, &text), 0);
	assert_string_equal(buf_cstr(&text), OWN "h=from;" HASH);
	buf_clear(&text);
}

static void test_too_much(void **state)
{
	static const char *const names[] = { "A" };
	char header[DKIM_TEXT_MAX + 100] = "";
	struct buf text;

	(void)state;
	for (int i = 0; i < DKIM_FIELDS_MAX; i++)
		strcat(header, "A:b\r\n");
	assert_int_equal(make(header, names, 1, &text), 0);
	buf_clear(&text);
	strcat(header, "A:b\r\n");
	assert_int_equal(make(header, names, 1, &text), -1);
	buf_clear(&text);
	memset(header, 'x', sizeof header - 1);
	memcpy(header, "A:", 2);
	assert_int_equal(make(header, names, 1, &text), -1);
	buf_clear(&text);
}

static void test_key(void **state)
{
	static const char *const names[] = { "From", "Subject" };
	struct dkim_key other = key;
	struct buf text;

	(void)state;
	make(
	    "From: a\r\nSubject: dkim-signature:v=1; a=rsa-sha256; c=relaxed/relaxed; d=other.org; "
	    "s=s1; \r\n\r\n",
	    names, 2, &text);
	assert_true(dkim_is_for(buf_view(&text), &key));
	other.domain = STR("other.org");
	assert_false(dkim_is_for(buf_view(&text), &other));
	other.domain = STR("example.or");
	assert_false(dkim_is_for(buf_view(&text), &other));
	other = key;
	other.selector = STR("s");
	assert_false(dkim_is_for(buf_view(&text), &other));
	assert_false(dkim_is_for(STR("anything else"), &key));
	assert_false(dkim_is_for(STR(""), &key));
	buf_clear(&text);
}

/* What a verifier makes of the field is what was signed, and its lines are short. */
static void test_field(void **state)
{
	static const char *const names[] = { "From", "To", "Subject", "Date", "Message-ID",
		"Content-Transfer-Encoding", "TLS-Report-Domain" };
	struct str rest, line, own, signed_;
	struct buf text, again, out;
	char signature[345];

	(void)state;
	memset(signature, 'A', sizeof signature - 1);
	signature[sizeof signature - 1] = '\0';
	make("From: a\r\n\r\n", names, sizeof names / sizeof *names, &text);
	buf_init(&out, DKIM_TEXT_MAX);
	dkim_field(buf_view(&text), str_of(signature), &out);
	assert_true(str_starts(buf_view(&out), STR("DKIM-Signature: v=1; a=rsa-sha256;")));
	rest = buf_view(&out);
	while (str_cut(&rest, '\n', &line))
		assert_true(line.n <= 78);

	/* without the signature it is canonically the last line of the text */
	own = str_take(buf_view(&out), (size_t)str_search(buf_view(&out), STR("b=\r\n")) + 2);
	buf_init(&again, DKIM_TEXT_MAX);
	signed_ = str_skip(buf_view(&text), (size_t)str_search(buf_view(&text), STR("dkim-")));
	buf_z(&again, "dkim-signature:");
	own = str_skip(own, sizeof "DKIM-Signature: " - 1);
	for (size_t i = 0; i < own.n; i++)
		if (own.p[i] == '\t')
			buf_char(&again, ' ');
		else if (own.p[i] != '\r' && own.p[i] != '\n')
			buf_char(&again, own.p[i]);
	assert_true(str_eq(buf_view(&again), signed_));
	buf_clear(&again);
	buf_clear(&text);
	buf_clear(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
