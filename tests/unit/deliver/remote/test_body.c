/* The message on its way out. */
#include "../../../../deliver/remote/body.h"
#include "../../../../deliver/remote/limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

static int body_of(const char *p, size_t n)
{
	int fd = memfd_create("body", MFD_CLOEXEC);

	assert_int_equal(write(fd, p, n), n);
	return fd;
}

static int run(struct deliver_job *j, int fd, enum body_form form, struct buf *out)
{
	struct body b;
	int r;

	body_start(&b, j, fd, form, NULL);
	do {
		r = body_next(&b, out);
	} while (r == 1);
	return r;
}

static void test_forms(void **state)
{
	static const struct {
		const char *in, *data, *bdat;
	} cases[] = {
		{ "a\r\n", "a\r\n.\r\n", "a\r\n" },
		{ "", ".\r\n", "" },
		{ "no end", "no end\r\n.\r\n", "no end\r\n" },
		{ ".\r\n..\r\nx.\r\n", "..\r\n...\r\nx.\r\n.\r\n", ".\r\n..\r\nx.\r\n" },
		/* nothing but CRLF ends a line on the wire, whatever is stored */
		{ "a\n.\nb\n", "a\r\n..\r\nb\r\n.\r\n", "a\r\n.\r\nb\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct deliver_job j = { .body_size = strlen(cases[i].in) };
		int fd = body_of(cases[i].in, strlen(cases[i].in));
		struct buf b;

		buf_init(&b, 1 << 20);
		assert_int_equal(run(&j, fd, BODY_DATA, &b), 0);
		assert_string_equal(buf_cstr(&b), cases[i].data);
		buf_reset(&b);
		assert_int_equal(run(&j, fd, BODY_BDAT, &b), 0);
		assert_string_equal(buf_cstr(&b), cases[i].bdat);
		buf_clear(&b);
		close(fd);
	}
}

/* No bare CR or LF ever, and no line with a dot alone but the last: every mix of 6 characters. */
static void test_no_smuggling(void **state)
{
	static const char set[] = "\r\n.a";
	char in[8];

	(void)state;
	for (size_t k = 0; k < 4096; k++) {
		struct deliver_job j = { .body_size = 6 };
		struct buf b;
		struct str s;
		size_t v = k;
		int fd;

		for (size_t i = 0; i < 6; i++, v /= 4)
			in[i] = set[v % 4];
		fd = body_of(in, 6);
		for (int form = BODY_DATA; form <= BODY_BDAT; form++) {
			buf_init(&b, 1 << 16);
			assert_int_equal(run(&j, fd, (enum body_form)form, &b), 0);
			s = buf_view(&b);
			for (size_t i = 0; i < s.n; i++) {
				if (s.p[i] == '\r')
					assert_true(i + 1 < s.n && s.p[i + 1] == '\n');
				if (s.p[i] == '\n')
					assert_true(i > 0 && s.p[i - 1] == '\r');
			}
			if (form == BODY_DATA) {
				assert_true(
				    str_eq(s, STR(".\r\n")) || str_ends(s, STR("\r\n.\r\n")));
				assert_int_equal(str_search(s, STR("\r\n.\r\n")),
				    s.n == 3 ? -1 : (ssize_t)s.n - 5);
				assert_true(s.n == 3 || !str_starts(s, STR(".\r\n")));
			}
			buf_clear(&b);
		}
		close(fd);
	}
}

static void test_large(void **state)
{
	size_t n = 3 * BLOCK + 17;
	char *big = malloc(n);
	struct edit edits[] = { { EDIT_INSERT, 0, STR("X-A"), STR(" b") } };
	struct deliver_job j = {
		.body_size = n - 5, .body_offset = 5, .edits = edits, .nedits = 1
	};
	struct buf b;
	int fd;

	(void)state;
	for (size_t i = 0; i < n; i++)
		big[i] = i % 60 == 58 ? '\r' : i % 60 == 59 ? '\n' : 'x';
	memcpy(big + 5, "Y: z\r\n\r\n", 8);
	fd = body_of(big, n);
	assert_int_equal(body_size(&j), n - 5 + 8);
	buf_init(&b, 1 << 20);
	assert_int_equal(run(&j, fd, BODY_BDAT, &b), 0);
	assert_int_equal(b.n, n - 5 + 8 + 2);
	assert_memory_equal(b.p, "X-A: b\r\nY: z\r\n\r\n", 16);
	assert_memory_equal(b.p + 16, big + 13, n - 13);
	buf_clear(&b);
	/* shorter than the queue said */
	buf_init(&b, 1 << 20);
	j.body_size += 1;
	assert_int_equal(run(&j, fd, BODY_DATA, &b), -1);
	buf_clear(&b);
	close(fd);
	free(big);
}

/* However the message comes in pieces, no line is longer than 998 bytes, and nothing else changes.
 */
static void test_long_lines(void **state)
{
	static const size_t lengths[] = { 997, 998, 999, 1995, 1996, 5000, BLOCK - 2, BLOCK - 1,
		BLOCK, BLOCK + 1, 3 * BLOCK };
	char *in = malloc(4 * BLOCK);

	(void)state;
	for (size_t k = 0; k < 2 * sizeof lengths / sizeof lengths[0]; k++) {
		size_t n = lengths[k / 2];
		struct deliver_job j = { .body_size = n + 7 };
		struct buf b, back;
		struct str s, line;
		unsigned folds = 0;
		int fd;

		/* every second time of two-byte characters, with one byte before them */
		for (size_t i = 0; i < n; i++)
			in[i] = k % 2 == 0 ? '.' : i == 0 ? 'x' : i % 2 == 1 ? '\xc3' : '\xa4';
		memcpy(in + n, "\r\nend\r\n", 7);
		fd = body_of(in, n + 7);
		buf_init(&b, 1 << 22);
		buf_init(&back, 1 << 22);
		assert_int_equal(run(&j, fd, BODY_BDAT, &b), 0);
		s = buf_view(&b);
		while (str_cut(&s, '\n', &line)) {
			assert_true(line.n <= 999);
			if (line.n > 0 && line.p[0] == ' ') {
				folds++;
				back.n -= 2;
				line = str_skip(line, 1);
				assert_true((line.p[0] & 0xc0) != 0x80);
			}
			buf_str(&back, line);
			if (s.n > 0)
				buf_char(&back, '\n');
		}
		assert_true(n <= 998 ? folds == 0 : folds >= 1);
		assert_int_equal(back.n, n + 6);
		assert_memory_equal(back.p, in, n);
		buf_clear(&b);
		buf_clear(&back);
		close(fd);
	}
	free(in);
}

static void test_look(void **state)
{
	static const struct {
		const char *in;
		bool header, any;
	} cases[] = {
		{ "A: b\r\n\r\nbody\r\n", false, false },
		{ "A: b\r\n\r\nb\xc3\xb6\r\n", false, true },
		{ "A: \xc3\xb6\r\n\r\nbody\r\n", true, true },
		{ "\r\nb\xc3\xb6\r\n", false, true },
		{ "A: no body \xff", true, true },
		{ "", false, false },
	};
	struct body_look look;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct deliver_job j = { .body_size = strlen(cases[i].in) };
		int fd = body_of(cases[i].in, strlen(cases[i].in));

		assert_int_equal(body_look(&j, fd, UINT64_MAX, &look), 0);
		assert_int_equal(look.header, cases[i].header);
		assert_int_equal(look.any, cases[i].any);
		close(fd);
	}
}

/* Made fit for 7 bits on the way, edits and long lines included. */
static void test_seven_bits(void **state)
{
	static const char in[] = "Content-Type: text/plain; charset=utf-8\r\n\r\n.caf\xc3\xa9\r\n";
	struct edit edit = {
		.kind = EDIT_INSERT, .name = STR("Subject"), .value = STR(" \xc3\xa9")
	};
	struct deliver_job j = { .body_size = sizeof in - 1, .edits = &edit, .nedits = 1 };
	int fd = body_of(in, sizeof in - 1);
	struct downgrade *d = body_downgrade(&j, fd);
	struct body b;
	struct buf out;

	(void)state;
	assert_non_null(d);
	buf_init(&out, 1 << 20);
	/* as often as there are transactions */
	for (unsigned i = 0; i < 2; i++) {
		buf_reset(&out);
		body_start(&b, &j, fd, BODY_DATA, d);
		assert_int_equal(body_next(&b, &out), 0);
		assert_string_equal(buf_cstr(&out),
		    "Subject: =?UTF-8?B?w6k=?=\r\nContent-Type: text/plain; charset=utf-8\r\n"
		    "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
		    "..caf=C3=A9\r\n.\r\n");
	}
	buf_clear(&out);
	body_downgrade_free(d);
	close(fd);
}

static void test_never_seven_bits(void **state)
{
	static const char in[] = "Content-Type: message/partial\r\n\r\n\xc3\xa9\r\n";
	struct deliver_job j = { .body_size = sizeof in - 1 };
	int fd = body_of(in, sizeof in - 1);

	(void)state;
	assert_null(body_downgrade(&j, fd));
	assert_int_equal(errno, EILSEQ);
	j.body_size++;
	assert_null(body_downgrade(&j, fd));
	assert_int_equal(errno, EBADMSG);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_no_smuggling),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_look),
		cmocka_unit_test(test_seven_bits),
		cmocka_unit_test(test_never_seven_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
