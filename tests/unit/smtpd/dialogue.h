/* What dialogues with one session begin with and ask again and again. */
#ifndef TEST_SMTPD_DIALOGUE_H
#define TEST_SMTPD_DIALOGUE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#undef assert
#include "rig.h"

static inline int set_up(void **state)
{
	(void)state;
	rig_open();
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	rig_close();
	return 0;
}

static inline void check(const char *say, const char *codes)
{
	const char *got = rig_say(say);

	if (strcmp(got, codes) != 0)
		fail_msg("%.60s: %s, not %s (%s)", say, got, codes, buf_cstr(&rig.heard));
}

static inline void hello(void)
{
	rig_connect(SERVICE_SMTP, "192.0.2.1");
	check("EHLO client.example\r\n", "250");
}

static inline void envelope(void)
{
	check("MAIL FROM:<a@b.example>\r\n", "250");
	check("RCPT TO:<u@example.test>\r\n", "250");
}

static inline bool body_ends(const char *text)
{
	const struct rig_message *m = &rig.messages[(rig.nmessages - 1) % RIG_MESSAGES];

	return rig.nmessages > 0 && str_ends(buf_view(&m->body), str_of(text));
}

static inline const struct envelope *last_envelope(void)
{
	return &rig.messages[(rig.nmessages - 1) % RIG_MESSAGES].commit.envelope;
}

static inline void check_ready(void)
{
	check("NOOP\r\n", "250");
}

static inline void send_lines(size_t bytes)
{
	static char block[65520];

	for (size_t i = 0; i < sizeof block; i++)
		block[i] = i % 78 == 76 ? '\r' : i % 78 == 77 ? '\n' : 'x';
	for (size_t sent = 0; sent < bytes; sent += sizeof block)
		rig_bytes(str_bytes(block, sizeof block));
}

#define DIALOGUE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
