/* Messages with 8-bit content made fit for 7 bits. */
#include "mail/downgrade.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mail/utf8.h"

static struct buf out;

static int put(void *arg, struct str bytes)
{
	(void)arg;
	return buf_str(&out, bytes);
}

/* The message converted, fed in pieces of that size; -1 when it cannot be. */
static int convert(struct str message, size_t step)
{
	struct downgrade d;
	struct str rest;
	int r;

	buf_reset(&out);
	downgrade_init(&d);
	for (rest = message; rest.n > 0; rest = str_skip(rest, step < rest.n ? step : rest.n))
		downgrade_look(&d, str_take(rest, step < rest.n ? step : rest.n));
	r = downgrade_plan(&d);
	if (r == 0) {
		downgrade_start(&d, put, NULL);
		for (rest = message; rest.n > 0;
		     rest = str_skip(rest, step < rest.n ? step : rest.n))
			assert_int_equal(
			    downgrade_feed(&d, str_take(rest, step < rest.n ? step : rest.n)), 0);
		assert_int_equal(downgrade_finish(&d), 0);
		assert_true(str_is_ascii(buf_view(&out)));
	}
	downgrade_clear(&d);
	return r;
}

/* The same whatever the cuts are. */
static void becomes(const char *message, const char *want)
{
	for (size_t step = 1; step < 50; step++) {
		assert_int_equal(convert(str_of(message), step), 0);
		assert_string_equal(buf_cstr(&out), want);
	}
}

#define E "\xc3\xa9"

static void test_text(void **state)
{
	(void)state;
	becomes("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding:\r\n 8bit\r\nSubject: x\r\n\r\ncaf" E " = 1 \r\n",
	    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nSubject: x\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9 =3D 1=20\r\n");
	/* no MIME at all (RFC 1428 3) */
	becomes("Subject: x\r\n\r\ncaf\xe9",
	    "Subject: x\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=unknown-8bit\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9");
	/* nothing to do but to say so */
	becomes("MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8BIT\r\n\r\nplain = \r\n",
	    "MIME-Version: 1.0\r\nContent-Transfer-Encoding: 7bit\r\n\r\nplain = \r\n");
	becomes("Subject: x\r\n\r\nplain", "Subject: x\r\n\r\nplain");
	becomes("Subject: x\r\n", "Subject: x\r\n");
}

static void test_parts(void **state)
{
	(void)state;
	becomes("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
		"Content-Transfer-Encoding: 8bit\r\n\r\npre" E "\r\n"
		"--b\r\n\r\nplain\r\n"
		"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: "
		"binary\r\n\r\n\x89PNG\r\n\r\n"
		"--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
		"Subject: in " E "\r\n\r\n" E "\r\n"
		"--b\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n"
		"--b--\r\npost" E "\r\n",
	    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n\r\npre??\r\n"
	    "--b\r\n\r\nplain\r\n"
	    "--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: "
	    "base64\r\n\r\niVBORw0K\r\n"
	    "--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
	    "Subject: in =?UTF-8?B?w6k=?=\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n"
	    "--b\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n"
	    "--b--\r\npost??\r\n");
}

static void test_headers(void **state)
{
	(void)state;
	becomes("Subject: a " E " \xc3\xbc b\r\n \xc3\xb6\r\n\r\n",
	    "Subject: a =?UTF-8?B?w6kgw7w=?= b\r\n =?UTF-8?B?w7Y=?=\r\n\r\n");
	becomes("From: \"Jos" E " M\" <a@b>, Jos" E "<c@d>, " E "@f\r\n\r\n",
	    "From: =?UTF-8?B?Sm9zw6kgTQ==?= <a@b>, Jos?\?<c@d>, ?\?@f\r\n\r\n");
	becomes("Content-Disposition: attachment; filename=\"" E "\"\r\nSubject: \xff\r\nno " E
		" field\r\n\r\n",
	    "Content-Disposition: attachment; filename=\"??\"\r\n"
	    "Subject: =?unknown-8bit?B?/w==?=\r\nno ?? field\r\n\r\n");
}

/* Who a message is from and to does not change, however it is quoted. */
static void test_addresses_stay(void **state)
{
	(void)state;
	becomes("From: \"" E " <ceo@c>, x\" <own@o>\r\n\r\n",
	    "From: =?UTF-8?B?w6kgPGNlb0BjPiwgeA==?= <own@o>\r\n\r\n");
	becomes("From: \"" E "\\\" <ceo@c>, x\" <own@o>\r\n\r\n",
	    "From: =?UTF-8?B?w6kiIDxjZW9AYz4sIHg=?= <own@o>\r\n\r\n");
	becomes("From: (" E " <ceo@c>,) own@o\r\n\r\n", "From: (?\? <ceo@c>,) own@o\r\n\r\n");
	becomes("From: (a (" E ") \\) <ceo@c>,) own@o (\"" E ") , b@c\r\n\r\n",
	    "From: (a (?\?) \\) <ceo@c>,) own@o (\"?\?) , b@c\r\n\r\n");
	becomes("From: a@[" E "\" <ceo@c>], \"b\" <own@o>\r\n\r\n",
	    "From: a@[?\?\" <ceo@c>], \"b\" <own@o>\r\n\r\n");
	becomes("From: " E " \"x <ceo@c>, y\" <own@o>\r\n\r\n",
	    "From: =?UTF-8?B?w6k=?= \"x <ceo@c>, y\" <own@o>\r\n\r\n");
	becomes("From: x\"" E " <ceo@c>\"@o, " E "(c), \"" E "\"@o\r\n\r\n",
	    "From: x\"?\? <ceo@c>\"@o, ?\?(c), \"?\?\"@o\r\n\r\n");
	becomes("From: \"" E " <ceo@c>\r\n\r\n", "From: \"?\? <ceo@c>\r\n\r\n");
	becomes("Subject: " E "\r\n \"" E "\r\n x\r\n\r\n",
	    "Subject: =?UTF-8?B?w6kgIsOp?=\r\n x\r\n\r\n");
	becomes("To: \"" E "\r\n " E "\" <a@b>\r\n\r\n", "To: =?UTF-8?B?w6kgw6k=?= <a@b>\r\n\r\n");
}

/* Where no encoding is allowed. */
static void test_impossible(void **state)
{
	(void)state;
	assert_int_equal(convert(STR("Content-Type: message/partial\r\n\r\n" E "\r\n"), 7), -1);
	assert_int_equal(convert(STR("Content-Type: multipart/mixed\r\n\r\n" E "\r\n"), 7), -1);
	assert_int_equal(convert(STR("Content-Type: multipart/mixed; boundary=\"" E "\"\r\n\r\n--" E
				     "\r\n\r\nx\r\n--" E "--\r\n"),
			     7),
	    -1);
}

static void test_large_header(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4 << 20);
	for (unsigned i = 0; i < 2500; i++)
		buf_printf(&b, "X-%u: 0123456789012345678901234567890123456789012345678\r\n", i);
	buf_z(&b, "\r\n" E "\r\n");
	assert_int_equal(convert(buf_view(&b), 4096), -1);
	buf_clear(&b);
}

static int set_up(void **state)
{
	(void)state;
	buf_init(&out, 4 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	buf_clear(&out);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_addresses_stay),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_large_header),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
