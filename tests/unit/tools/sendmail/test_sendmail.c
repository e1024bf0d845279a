/* The command line, the input and the header of sendmail; the transaction is tested with the suite.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../../../tools/sendmail/input.h"
#include "../../../../tools/sendmail/message.h"
#include "../../../../tools/sendmail/options.h"

/* Instead of the one that writes to standard error. */
int complain(int status, const char *fmt, ...)
{
	(void)fmt;
	return status;
}

/* --- options --------------------------------------------------------------------------------- */

static int options(struct request *r, const char *line)
{
	static char copy[1024];
	char *argv[32];
	int argc = 0;
	char *rest = copy, *word;

	assert_true(strlen(line) < sizeof copy);
	memcpy(copy, line, strlen(line) + 1);
	while ((word = strsep(&rest, " ")) != NULL)
		argv[argc++] = strcmp(word, "''") == 0 ? (char *)"" : word;
	argv[argc] = NULL;
	optind = 0; /* getopt() from the beginning */
	opterr = 0;
	*r = (struct request){ .mode = 'm' };
	return options_read(r, argc, argv);
}

static void recipients_text(const struct request *r, char *out, size_t size)
{
	out[0] = '\0';
	for (size_t i = 0; i < r->to.n; i++)
		snprintf(out + strlen(out), size - strlen(out), "%s%.*s", i > 0 ? " " : "",
		    STR_ARG(r->to.list[i]));
}

static void good_options(void **state)
{
	/* options, mode, -t, -i, sender (NULL = not given), recipients */
	static const struct {
		const char *line;
		char mode;
		bool extract, dots;
		const char *sender, *to;
	} rows[] = {
		{ "sendmail -t -i", 'm', true, true, NULL, "" },
		{ "sendmail -ti", 'm', true, true, NULL, "" },
		{ "sendmail -oi -f a@x.y -- b@x.y", 'm', false, true, "a@x.y", "b@x.y" },
		{ "sendmail -fa@x.y b@x.y,c@x.y", 'm', false, false, "a@x.y", "b@x.y c@x.y" },
		{ "sendmail -f <> root", 'm', false, false, "", "root" },
		{ "sendmail -f '' root root", 'm', false, false, "", "root" },
		{ "sendmail -r a@x.y root", 'm', false, false, "a@x.y", "root" },
		{ "sendmail -f root root", 'm', false, false, "root", "root" },
		{ "sendmail -bs", 's', false, false, NULL, "" },
		{ "sendmail -bp", 'p', false, false, NULL, "" },
		{ "sendmail -bi", 'i', false, false, NULL, "" },
		{ "sendmail -I", 'i', false, false, NULL, "" },
		{ "sendmail -bd -q30m", 'd', false, false, NULL, "" },
		{ "sendmail -bv root", 'v', false, false, NULL, "root" },
		{ "sendmail -bm -om -oem -odb -o7 -e m -Am -n -U -m -L tag -h 9 -G -X /x -O a=b -p "
		  "q -x -J -E r",
		    'm', false, false, NULL, "r" },
		{ "sendmail -B 8BITMIME -N success,delay -R hdrs -V e1 -F Name r", 'm', false,
		    false, NULL, "r" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct request r;
		char to[200];

		if (options(&r, rows[i].line) != EX_OK)
			fail_msg("%s", rows[i].line);
		assert_int_equal(r.mode, rows[i].mode);
		assert_int_equal(r.extract, rows[i].extract);
		assert_int_equal(r.dots, rows[i].dots);
		assert_int_equal(r.sender_given, rows[i].sender != NULL);
		assert_true(str_eq(r.sender, str_of(rows[i].sender)));
		recipients_text(&r, to, sizeof to);
		assert_string_equal(to, rows[i].to);
		arena_clear(&r.mem);
	}
}

static void option_values(void **state)
{
	struct request r;

	(void)state;
	assert_int_equal(
	    options(&r, "sendmail -B 8bitmime -N delay,SUCCESS -R full -V e1 -qIabc r"), EX_OK);
	assert_true(r.eightbit);
	assert_true(str_eq(r.notify, STR("SUCCESS,DELAY")));
	assert_string_equal(r.ret, "FULL");
	assert_string_equal(r.envid, "e1");
	assert_int_equal(r.queue_kind, 'i');
	assert_string_equal(r.queue, "abc");
	arena_clear(&r.mem);
	assert_int_equal(options(&r, "sendmail -q"), EX_OK);
	assert_int_equal(r.queue_kind, 'a');
	assert_int_equal(options(&r, "sendmail -qRx.y"), EX_OK);
	assert_int_equal(r.queue_kind, 's');
	assert_int_equal(options(&r, "sendmail -q15m"), EX_OK);
	assert_int_equal(r.queue_kind, 't');
	arena_clear(&r.mem);
}

static void bad_options(void **state)
{
	static const struct {
		const char *line;
		int status;
	} rows[] = {
		{ "sendmail -Z", EX_USAGE },
		{ "sendmail -bz", EX_USAGE },
		{ "sendmail -B 9BIT", EX_USAGE },
		{ "sendmail -N maybe", EX_OK },
		{ "sendmail -R some", EX_OK },
		{ "sendmail -XV", EX_UNAVAILABLE },
		{ "sendmail -f a@x.y,b@x.y", EX_USAGE },
		{ "sendmail -f a@@b", EX_DATAERR },
		{ "sendmail a@@b", EX_DATAERR },
		{ "sendmail -f", EX_USAGE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct request r;

		if (options(&r, rows[i].line) != rows[i].status)
			fail_msg("%s", rows[i].line);
		arena_clear(&r.mem);
	}
}

/* --- input ----------------------------------------------------------------------------------- */

static void input(void **state)
{
	static const struct {
		const char *in;
		bool dots;
		const char *want;
	} rows[] = {
		{ "a\nb\n", false, "a\nb\n" },
		{ "a\n.\nb\n", false, "a\n" },
		{ "a\n.\nb\n", true, "a\n.\nb\n" },
		{ "a\r\n.\r\nb\n", false, "a\r\n" },
		{ "a\n.", false, "a\n" },
		{ "a\n.\r", false, "a\n" },
		{ "a\n..\n. \n.b\n", false, "a\n..\n. \n.b\n" },
		{ ".\nb\n", false, "" },
		{ "", false, "" },
		{ "From a Mon Jan 1\nTo: x\n", false, "To: x\n" },
		{ "From: a\nTo: x\n", false, "From: a\nTo: x\n" },
		{ "no end", false, "no end" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct request r = { .dots = rows[i].dots };
		struct str text;
		int fds[2];

		assert_int_equal(pipe(fds), 0);
		assert_int_equal(write(fds[1], rows[i].in, strlen(rows[i].in)), strlen(rows[i].in));
		close(fds[1]);
		assert_int_equal(input_read(&r, fds[0], &text), EX_OK);
		close(fds[0]);
		if (!str_eq(text, str_of(rows[i].want)))
			fail_msg("%s gave %.*s", rows[i].in, STR_ARG(text));
	}
}

/* --- header ---------------------------------------------------------------------------------- */

static void headers(void **state)
{
	static const struct {
		const char *in, *header, *body, *to;
	} rows[] = {
		{ "To: a@x.y\nSubject: s\n\nbody\n", "To: a@x.y\nSubject: s\n", "\nbody\n",
		    "a@x.y" },
		{ "To: A <a@x.y>,\n\tb@x.y (B)\nBcc: c@x.y\n d@x.y\n\n",
		    "To: A <a@x.y>,\n\tb@x.y (B)\n", "\n", NULL },
		{ "To: A <a@x.y>,\n\tb@x.y (B)\nbcc : c@x.y,\n d@x.y\nX: y\n\nb",
		    "To: A <a@x.y>,\n\tb@x.y (B)\nX: y\n", "\nb", "a@x.y b@x.y c@x.y d@x.y" },
		{ "To: a@x.y\r\nCc: a@x.y, b\r\n\r\n.\r\n", "To: a@x.y\r\nCc: a@x.y, b\r\n",
		    "\r\n.\r\n", "a@x.y b" },
		{ "To: a@x.y\nResent-To: r@x.y\nResent-Bcc: q@x.y\n\n",
		    "To: a@x.y\nResent-To: r@x.y\n", "\n", "r@x.y q@x.y" },
		{ "Return-Path: <x@y.z>\nTo: a@x.y\n\n", "To: a@x.y\n", "\n", "a@x.y" },
		{ "no header here\nTo: a@x.y\n", "", "no header here\nTo: a@x.y\n", "" },
		{ "To: a@x.y\nno field\n", "To: a@x.y\n", "no field\n", "a@x.y" },
		{ "To: a@x.y", "To: a@x.y", "", "a@x.y" },
		{ "To", "", "To", "" },
		{ "", "", "", "" },
		{ "To: undisclosed-recipients:;\nBcc: g: a@x.y, b@x.y;\n\n",
		    "To: undisclosed-recipients:;\n", "\n", "a@x.y b@x.y" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct request r = { .extract = true };
		struct message m;
		char to[200];
		int status = message_read(&m, &r, str_of(rows[i].in));

		assert_int_equal(status == EX_OK, rows[i].to != NULL);
		if (!str_eq(buf_view(&m.header), str_of(rows[i].header)) ||
		    !str_eq(m.body, str_of(rows[i].body)))
			fail_msg("%s: header %s, body %.*s", rows[i].in, buf_cstr(&m.header),
			    STR_ARG(m.body));
		recipients_text(&r, to, sizeof to);
		if (rows[i].to != NULL)
			assert_string_equal(to, rows[i].to);
		message_clear(&m);
		arena_clear(&r.mem);
	}
}

static void facts(void **state)
{
	struct request r = { 0 };
	struct message m;

	(void)state;
	assert_int_equal(
	    message_read(&m, &r, STR("From: a@x.y\nBcc: b@x.y\n\nb\xc3\xa4\n")), EX_OK);
	assert_true(m.from);
	assert_false(m.utf8);
	assert_true(m.eightbit);
	assert_int_equal(r.to.n, 0); /* without -t */
	assert_string_equal(buf_cstr(&m.header), "From: a@x.y\n");
	message_clear(&m);
	assert_int_equal(message_read(&m, &r, STR("Subject: \xc3\xa4\n\n")), EX_OK);
	assert_true(m.utf8);
	assert_false(m.from);
	message_add_from(&m, "A \"B\" \\C\r\nBcc: evil", STR("a@x.y"));
	assert_string_equal(buf_cstr(&m.header),
	    "From: \"A \\\"B\\\" \\\\CBcc: evil\" <a@x.y>\nSubject: \xc3\xa4\n");
	message_clear(&m);
	arena_clear(&r.mem);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_options),
		cmocka_unit_test(option_values),
		cmocka_unit_test(bad_options),
		cmocka_unit_test(input),
		cmocka_unit_test(headers),
		cmocka_unit_test(facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
