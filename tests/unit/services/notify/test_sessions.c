/* Changes reach the sessions of their account, nobody else, and never wait for one that sleeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../../../../services/notify/sessions.h"
#include "base/ipc.h"
#include "base/loop.h"
#include "proto/notify.h"
#include "proto/types.h"

static int open_session(const char *home)
{
	int ends[2];

	assert_int_equal(ipc_pair(ends), 0);
	session_add(&ends[1], str_of(home), 1);
	return ends[0];
}

/* What the session hears next, or NULL. */
static const char *hear(int fd)
{
	static uint8_t space[IPC_PACKET_MAX];
	static char folder[FOLDER_MAX + 1];
	struct ipc_msg m;
	struct get g;

	if (ipc_recv(fd, &m, space) != 1)
		return NULL;
	assert_int_equal(m.type, NOTIFY_CHANGED);
	g = get_start(m.body);
	assert_int_equal(str_copy(get_line(&g, FOLDER_MAX), folder, sizeof folder), 0);
	assert_int_equal(get_end(&g), 0);
	return folder;
}

static void say(int fd, uint16_t type, const char *folder)
{
	struct put w = put_start();
	struct ipc_msg m = { .type = type };

	put_z(&w, folder);
	m.body = put_view(&w);
	assert_int_equal(ipc_send(fd, &m), 0);
	loop_poll();
}

static void test_only_the_account(void **state)
{
	int a = open_session("x/alice"), a2 = open_session("x/alice"), b = open_session("x/bob");

	(void)state;
	sessions_tell(STR("x/alice"), STR(""));
	sessions_tell(STR("x/nobody"), STR(""));
	assert_string_equal(hear(a), "");
	assert_string_equal(hear(a2), "");
	assert_null(hear(b));
	/* a session's own change is news for the others only */
	say(a, NOTIFY_CHANGED, "Sent");
	assert_string_equal(hear(a2), "Sent");
	assert_null(hear(a));
	assert_null(hear(b));
	close(a);
	close(a2);
	close(b);
	loop_poll();
	assert_int_equal(sessions_count(), 0);
}

static void test_malformed(void **state)
{
	int a = open_session("x/alice"), a2 = open_session("x/alice");

	(void)state;
	say(a, NOTIFY_DELIVERED, "Sent");
	assert_int_equal(sessions_count(), 1);
	say(a2, NOTIFY_CHANGED, "a\nb");
	assert_int_equal(sessions_count(), 0);
	close(a);
	close(a2);
}

static void test_sleeper(void **state)
{
	int a = open_session("x/alice"), b = open_session("x/alice");
	const char *last = "", *folder;
	unsigned n = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		sessions_tell(STR("x/alice"), STR("Sent"));
		assert_string_equal(hear(b), "Sent");
	}
	while ((folder = hear(a)) != NULL) {
		n++;
		last = folder;
		if (n % 16 == 0)
			loop_poll();
	}
	loop_poll();
	if ((folder = hear(a)) != NULL)
		last = folder;
	assert_true(n < 10000);
	assert_string_equal(last, NOTIFY_ALL);
	sessions_tell(STR("x/alice"), STR("Sent"));
	assert_string_equal(hear(a), "Sent");
	close(a);
	close(b);
	loop_poll();
	assert_int_equal(sessions_count(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_account),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_sleeper),
	};

	loop_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
