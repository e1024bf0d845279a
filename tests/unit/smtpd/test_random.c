/*
 * Random commands against a model of the state machine: every reply code is foreseen, and every
 * message that arrives is the one that the model has in mind. The seed is printed on failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#undef assert
#include "rig.h"

enum { ROUNDS = 400, STEPS = 40 };

/* What the session should know. */
static struct model {
	bool hello, mail, chunks;
	unsigned rcpts; /* distinct ones that were accepted */
	bool seen[3];
	struct buf content;
	unsigned messages;
} m;

static unsigned seed;

static unsigned pick(unsigned n)
{
	return (unsigned)random() % n;
}

static void forget(void)
{
	m.mail = m.chunks = false;
	m.rcpts = 0;
	memset(m.seen, 0, sizeof m.seen);
	buf_reset(&m.content);
}

static void check(const char *say, const char *codes)
{
	const char *got = rig_say(say);

	if (strcmp(got, codes) != 0)
		fail_msg("seed %u: %.40s: %s, not %s", seed, say, got, codes);
}

static void check_message(void)
{
	const struct rig_message *k = &rig.messages[(rig.nmessages - 1) % RIG_MESSAGES];

	m.messages++;
	assert_int_equal(rig.nmessages, m.messages);
	assert_int_equal(k->commit.envelope.nrcpts, m.rcpts);
	if (!str_ends(buf_view(&k->body), buf_view(&m.content)))
		fail_msg("seed %u: other content", seed);
	forget();
}

/* --- the rows --------------------------------------------------------------------------------- */

static void do_hello(void)
{
	check(pick(2) ? "EHLO x\r\n" : "HELO x\r\n", "250");
	m.hello = true;
	forget();
}

static void do_mail(void)
{
	check("MAIL FROM:<a@b.example>\r\n", m.hello && !m.mail ? "250" : "503");
	m.mail = m.mail || m.hello;
}

static void do_bad_mail(void)
{
	check("MAIL FROM:<a@b.example> FOO=1\r\n", m.hello && !m.mail ? "555" : "503");
}

static void do_rcpt(void)
{
	static const char *const lines[] = { "RCPT TO:<u@example.test>\r\n",
		"RCPT TO:<v@example.test>\r\n", "RCPT TO:<w@example.test>\r\n" };
	unsigned i = pick(3);
	bool allowed = m.mail && !m.chunks;

	check(lines[i], allowed ? "250" : "503");
	if (allowed && !m.seen[i])
		m.rcpts++;
	m.seen[i] = m.seen[i] || allowed;
}

static void do_refused_rcpt(void)
{
	bool allowed = m.mail && !m.chunks;

	if (pick(2))
		check("RCPT TO:<no@example.test>\r\n", allowed ? "550" : "503");
	else
		check("RCPT TO:<later@example.test>\r\n", allowed ? "451" : "503");
}

static void do_data(void)
{
	if (m.rcpts == 0 || m.chunks) {
		check("DATA\r\n", "503");
		return;
	}
	check("DATA\r\n", "354");
	if (pick(4) == 0) {
		assert_string_equal(rig_say_bytes(STR("X: y\r\n\r\n\0\r\n.\r\n")), "550");
		forget();
		return;
	}
	check("X: y\r\n\r\nMAIL FROM:<evil@x>\r\n..\r\nrest\r\n.\r\n", "250");
	buf_z(&m.content, "X: y\r\n\r\nMAIL FROM:<evil@x>\r\n.\r\nrest\r\n");
	check_message();
}

static void do_bdat(void)
{
	static const char *const pieces[] = { "", "X: y\r\n", "\r\n", "RSET\r\n", ".\r\n", "half" };
	const char *piece = pieces[pick(6)];
	bool last = pick(3) == 0;
	char line[100];

	snprintf(line, sizeof line, "BDAT %zu%s\r\n%s", strlen(piece), last ? " LAST" : "", piece);
	if (m.rcpts == 0) {
		check(line, "503");
		return;
	}
	check(line, "250");
	m.chunks = true;
	buf_z(&m.content, piece);
	if (!last)
		return;
	/* the session completes the last line, and the header when it has no end */
	if (m.content.n > 0 && !str_ends(buf_view(&m.content), STR("\r\n")))
		buf_z(&m.content, "\r\n");
	if (!str_starts(buf_view(&m.content), STR("X: y\r\n\r\n")))
		buf_reset(&m.content); /* the pieces may have been rearranged: only count it */
	check_message();
}

static void do_rset(void)
{
	check("RSET\r\n", "250");
	forget();
}

static void do_idle(void)
{
	static const char *const lines[] = { "NOOP\r\n", "HELP\r\n", "VRFY x\r\n", "EXPN x\r\n" };
	static const char *const codes[] = { "250", "214", "252", "502" };
	unsigned i = pick(4);

	check(lines[i], codes[i]);
}

static void do_nonsense(void)
{
	static const char *const lines[] = { "\r\n", "FOO\r\n", "MAILX\r\n", "\xff\xfe\r\n",
		"  \r\n" };

	check(lines[pick(5)], "500");
}

static void start(void)
{
	rig_connect(SERVICE_SMTP, "127.0.0.1");
	m.hello = false;
	forget();
}

/* Goes away in the middle of anything. */
static void do_leave(void)
{
	if (m.rcpts > 0 && !m.chunks && pick(2)) {
		check("DATA\r\n", "354");
		rig_bytes(STR("X: y\r\n\r\nhalf"));
	}
	start();
}

static void do_quit(void)
{
	check("QUIT\r\n", "221 close");
	start();
}

static void test_random(void **state)
{
	static void (*const rows[])(void) = { do_hello, do_mail, do_mail, do_bad_mail, do_rcpt,
		do_rcpt, do_rcpt, do_refused_rcpt, do_data, do_data, do_bdat, do_bdat, do_rset,
		do_idle, do_nonsense, do_leave, do_quit };

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		seed = round + 1;
		srandom(seed);
		rig_open();
		rig_set("smtp_errors", "100000");
		m.messages = 0;
		buf_init(&m.content, 1 << 20);
		start();
		for (unsigned i = 0; i < STEPS; i++)
			rows[pick(sizeof rows / sizeof rows[0])]();
		buf_clear(&m.content);
		rig_close();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };

	log_threshold(LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
