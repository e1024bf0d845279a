/*
 * The shipped spawn, started as master does, between an auth and two login processes that lie,
 * repeat, come late, and talk nonsense. The sessions that it starts are this program once more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../remove_tree.h"
#include "base/memfd.h"
#include "mail/status.h"
#include "proto/auth.h"
#include "proto/boot.h"
#include "proto/types.h"

#define CAP(x) (1ull << CAP_##x)
enum { PATIENCE = 3000, PER_ACCOUNT = 3 };

static char dir[64], self[4096], program[8192];
static int spawn_pid, control, auth, logins[2];
static uint32_t uid, gid;
static uint8_t space[IPC_PACKET_MAX];

/* --- the session's side: this program, started by spawn -------------------------------------- */

static void session_receive(struct ipc_msg *m)
{
	poll(&(struct pollfd){ .fd = BOOT_CONTROL_FD, .events = POLLIN }, 1, PATIENCE);
	if (ipc_recv(BOOT_CONTROL_FD, m, space) != 1)
		_exit(1);
}

/* Says to the client "TAG OK HOME-UID INPUT"; a tag "die" ends it before it is ready. */
static int be_session(void)
{
	static char extra[BOOT_EXTRA_MAX];
	struct session_start start = { 0 };
	struct ipc_msg m = { .type = BOOT_READY };
	int client = -1, home = -1;
	struct stat st;
	char text[256];

	do {
		session_receive(&m);
		struct get g = get_start(m.body);

		if (m.type == BOOT_BEGIN) {
			struct boot b;

			if (get_boot(&g, &b) == -1)
				return 1;
			memcpy(extra, b.extra.p, b.extra.n);
			g = get_start(str_bytes(extra, b.extra.n));
			if (get_session_start(&g, &start) == -1 ||
			    b.privilege.uid != start.account.uid)
				return 1;
		} else if (m.type == BOOT_FD && str_eq(get_line(&g, BOOT_NAME_MAX), STR("home"))) {
			home = ipc_take_fd(&m, 0);
		} else if (m.type == BOOT_FD) {
			client = ipc_take_fd(&m, 0);
		}
	} while (m.type != BOOT_GO);
	if (str_eq(start.tag, STR("die")) || fstat(home, &st) == -1)
		return 1;
	m = (struct ipc_msg){ .type = BOOT_READY, .body = STR("\0\0\0\0") };
	ipc_send(BOOT_CONTROL_FD, &m);
	snprintf(text, sizeof text, "%.*s OK %u %.*s", STR_ARG(start.tag), st.st_uid,
	    STR_ARG(start.input));
	if (write(client, text, strlen(text)) == -1)
		return 1;
	/* until the client or spawn ends it */
	poll((struct pollfd[]){ { .fd = client, .events = POLLIN },
		 { .fd = BOOT_CONTROL_FD, .events = POLLIN } },
	    2, 30000);
	return 0;
}

/* --- master's side --------------------------------------------------------------------------- */

static int peer(enum role role, unsigned instance)
{
	int ends[2];

	assert_int_equal(ipc_pair(ends), 0);
	assert_int_equal(boot_peer(control, role, instance, ends[1]), 0);
	close(ends[1]);
	return ends[0];
}

static void start_spawn(void)
{
	static uint8_t row_space[8192];
	struct put row = put_into(row_space, sizeof row_space);
	struct boot b = { .role = ROLE_SPAWN };
	int mail = open(dir, O_RDONLY | O_DIRECTORY), conf = memfd_sealed("test", STR("not read"));
	struct ipc_msg m;

	b.privilege = (struct privilege){ .root = geteuid() == 0,
		.nofile = 256,
		.fsuid_lo = 100000,
		.fsuid_hi = 200000,
		.caps = CAP(SETUID) | CAP(SETGID) | CAP(SYS_CHROOT) | CAP(CHOWN) | CAP(KILL) };
	put_session_row(&row, &(struct session_row){ .privilege = b.privilege,
				  .program = str_of(self),
				  .sessions_max = 100,
				  .per_account_max = PER_ACCOUNT });
	b.extra = put_view(&row);
	spawn_pid = boot_spawn(program, "spawn", &control);
	assert_true(spawn_pid > 0);
	assert_int_equal(boot_begin(control, &b, conf, -1), 0);
	assert_int_equal(boot_fd(control, "mail", dir, DIR_READ | DIR_WRITE, mail), 0);
	auth = peer(ROLE_AUTH, 0);
	logins[0] = peer(ROLE_LOGIN, 4);
	logins[1] = peer(ROLE_LOGIN, 5);
	assert_int_equal(boot_note(control, BOOT_GO), 0);
	assert_int_equal(poll(&(struct pollfd){ .fd = control, .events = POLLIN }, 1, PATIENCE), 1);
	assert_int_equal(ipc_recv(control, &m, space), 1);
	assert_int_equal(m.type, BOOT_READY);
	close(mail);
	close(conf);
}

/* The next answer: its status code; 0 = none in ms; -1 = the channel is closed. */
static int answer(int fd, uint32_t id, int ms)
{
	struct ipc_msg m;
	struct status st;
	struct get g;
	int r;

	if (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, ms) != 1)
		return 0;
	r = ipc_recv(fd, &m, space);
	if (r == 0 || (r == -1 && errno == ECONNRESET))
		return -1;
	assert_int_equal(r, 1);
	assert_int_equal(m.flags, IPC_REPLY);
	assert_int_equal(m.id, id);
	g = get_start(m.body);
	get_status(&g, &st);
	assert_int_equal(get_end(&g), 0);
	return st.code;
}

static void send_body(int fd, uint16_t type, uint32_t id, const struct put *w, int pass)
{
	struct ipc_msg m = { .type = type, .id = id, .gen = 1, .body = put_view(w) };

	if (pass != -1) {
		m.fds[0] = pass;
		m.nfds = 1;
	}
	assert_int_equal(ipc_send(fd, &m), 0);
}

static struct account account_of(const char *home)
{
	return (struct account){ .address = str_of("alice@example.org"),
		.home = str_of(home),
		.uid = uid,
		.gid = gid,
		.enabled = true };
}

static int make_home(struct account a)
{
	struct put w = put_start();
	static uint32_t id;

	put_account(&w, &a);
	send_body(auth, SPAWN_HOME, ++id, &w, -1);
	return answer(auth, id, PATIENCE);
}

static void grant(unsigned nonce, unsigned instance, const char *home)
{
	struct grant g = { .login_instance = (uint16_t)instance, .account = account_of(home) };
	struct put w = put_start();

	memcpy(g.nonce, &nonce, sizeof nonce);
	put_grant(&w, &g);
	send_body(auth, SPAWN_GRANT, 0, &w, -1);
}

/* Hands over one end of a new connection; returns the other. */
static int hand_over(int login, unsigned nonce, const char *tag, uint32_t id)
{
	struct handover h = {
		.client = STR("192.0.2.1"), .tag = str_of(tag), .input = STR("more")
	};
	struct put w = put_start();
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	memcpy(h.nonce, &nonce, sizeof nonce);
	put_handover(&w, &h);
	send_body(login, SPAWN_HANDOVER, id, &w, ends[1]);
	close(ends[1]);
	return ends[0];
}

/* What the client reads until the session waits, or its end. */
static const char *read_client(int fd)
{
	static char text[256];
	ssize_t n;

	if (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, PATIENCE) != 1)
		return "nothing";
	n = read(fd, text, sizeof text - 1);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static const char *expected(const char *tag)
{
	static char text[64];

	snprintf(text, sizeof text, "%s OK %u more", tag, uid);
	return text;
}

static void assert_alive(void)
{
	assert_int_equal(waitpid(spawn_pid, NULL, WNOHANG), 0);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/thurn-test-spawn.XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0711), 0);
	uid = geteuid() == 0 ? 100001 : geteuid();
	gid = geteuid() == 0 ? 100001 : getegid();
	start_spawn();
	return 0;
}

static int teardown(void **state)
{
	int status;

	(void)state;
	close(control); /* master is gone: spawn ends, and with it the sessions */
	assert_int_equal(waitpid(spawn_pid, &status, 0), spawn_pid);
	assert_int_equal(status, 0);
	close(auth);
	close(logins[0]);
	close(logins[1]);
	return remove_tree(dir);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void test_homes(void **state)
{
	struct account a = account_of("example.org/alice");

	(void)state;
	assert_int_equal(make_home(a), 250);
	assert_int_equal(make_home(a), 250);
	a.home = STR("../alice");
	assert_int_equal(make_home(a), 554);
	a.home = STR("example.org/..");
	assert_int_equal(make_home(a), 554);
	a.home = STR("/etc/x");
	assert_int_equal(make_home(a), 554);
	a.home = STR("example.org/bob");
	a.uid = 0;
	assert_int_equal(make_home(a), geteuid() == 0 || uid != 0 ? 554 : 250);
	a.uid = uid + 1000000;
	assert_int_equal(make_home(a), 554);
	assert_alive();
}

static void test_sessions(void **state)
{
	int clients[PER_ACCOUNT + 1];

	(void)state;
	assert_int_equal(make_home(account_of("example.org/alice")), 250);
	grant(1, 4, "example.org/alice");
	clients[0] = hand_over(logins[0], 1, "a1", 11);
	assert_string_equal(read_client(clients[0]), expected("a1"));
	assert_int_equal(answer(logins[0], 11, PATIENCE), 250);
	/* the other order */
	clients[1] = hand_over(logins[1], 2, "b1", 12);
	assert_int_equal(answer(logins[1], 12, 50), 0);
	grant(2, 5, "example.org/alice");
	assert_string_equal(read_client(clients[1]), expected("b1"));
	assert_int_equal(answer(logins[1], 12, PATIENCE), 250);
	/* a session that dies before it is ready */
	grant(3, 5, "example.org/alice");
	close(hand_over(logins[1], 3, "die", 13));
	assert_int_equal(answer(logins[1], 13, PATIENCE), 451);
	/* an account with as many sessions as it may have */
	grant(4, 4, "example.org/alice");
	clients[2] = hand_over(logins[0], 4, "c1", 14);
	assert_int_equal(answer(logins[0], 14, PATIENCE), 250);
	grant(5, 4, "example.org/alice");
	clients[3] = hand_over(logins[0], 5, "d1", 15);
	assert_int_equal(answer(logins[0], 15, PATIENCE), 452);
	assert_string_equal(read_client(clients[3]), "");
	/* a home that is not there */
	grant(6, 4, "example.org/nobody");
	close(hand_over(logins[0], 6, "e1", 16));
	assert_int_equal(answer(logins[0], 16, PATIENCE), 451);
	for (unsigned i = 0; i <= PER_ACCOUNT; i++)
		close(clients[i]);
	assert_alive();
}

static void test_repeated_and_foreign(void **state)
{
	int client;

	(void)state;
	assert_int_equal(make_home(account_of("example.org/alice")), 250);
	/* another process's nonce: refused, and the right one may still come */
	grant(1, 4, "example.org/alice");
	client = hand_over(logins[1], 1, "x", 21);
	assert_int_equal(answer(logins[1], 21, PATIENCE), 451);
	assert_string_equal(read_client(client), "");
	close(client);
	client = hand_over(logins[0], 1, "a1", 22);
	assert_int_equal(answer(logins[0], 22, PATIENCE), 250);
	assert_string_equal(read_client(client), expected("a1"));
	close(client);
	/* used once */
	client = hand_over(logins[0], 1, "a2", 23);
	assert_int_equal(answer(logins[0], 23, PATIENCE), 451);
	assert_string_equal(read_client(client), "");
	close(client);
	/* granted twice: the second grant is no grant */
	grant(1, 4, "example.org/alice");
	close(hand_over(logins[0], 1, "a3", 24));
	assert_int_equal(answer(logins[0], 24, PATIENCE), 451);
	assert_alive();
}

static void test_late(void **state)
{
	const struct timespec life = { GRANT_SECONDS, 200 * 1000 * 1000 };
	int client;

	(void)state;
	assert_int_equal(make_home(account_of("example.org/alice")), 250);
	grant(1, 4, "example.org/alice");
	client = hand_over(logins[1], 2, "x", 31); /* nobody has granted that */
	nanosleep(&life, NULL);
	assert_int_equal(answer(logins[1], 31, PATIENCE), 451);
	assert_string_equal(read_client(client), "");
	close(client);
	client = hand_over(logins[0], 1, "a1", 32);
	assert_int_equal(answer(logins[0], 32, 300), 0); /* waits for a grant that is over */
	grant(1, 4, "example.org/alice");
	assert_int_equal(answer(logins[0], 32, PATIENCE), 250);
	close(client);
}

/* The log ends and is there again: nobody is disturbed, and sessions go on. */
static void test_log_restarts(void **state)
{
	int client, log = peer(ROLE_LOG, 0);

	(void)state;
	assert_int_equal(make_home(account_of("example.org/alice")), 250);
	for (unsigned i = 0; i < 3; i++) {
		close(log);
		grant(i, 4, "example.org/alice");
		client = hand_over(logins[0], i, "a1", 51 + i);
		assert_int_equal(answer(logins[0], 51 + i, PATIENCE), 250);
		assert_string_equal(read_client(client), expected("a1"));
		close(client);
		log = peer(ROLE_LOG, i + 1);
	}
	assert_int_equal(make_home(account_of("example.org/bob")), 250);
	close(log);
	assert_alive();
}

/* Whoever talks nonsense loses its channel; the others notice nothing. */
static void test_nonsense(void **state)
{
	struct put w = put_start();
	struct account a = account_of("example.org/alice");
	int client;

	(void)state;
	assert_int_equal(make_home(a), 250);
	/* login asks for what only auth may ask for */
	put_account(&w, &a);
	send_body(logins[1], SPAWN_HOME, 41, &w, -1);
	assert_int_equal(answer(logins[1], 41, PATIENCE), -1);
	close(logins[1]);
	logins[1] = peer(ROLE_LOGIN, 6);
	/* a handover without a descriptor, cut short */
	w = put_start();
	put_u32(&w, 7);
	send_body(logins[1], SPAWN_HANDOVER, 42, &w, -1);
	assert_int_equal(answer(logins[1], 42, PATIENCE), -1);
	grant(1, 4, "example.org/alice");
	client = hand_over(logins[0], 1, "a1", 43);
	assert_int_equal(answer(logins[0], 43, PATIENCE), 250);
	assert_string_equal(read_client(client), expected("a1"));
	close(client);
	/* a login process that dies with a handover waiting: the client is let go */
	close(logins[1]);
	logins[1] = peer(ROLE_LOGIN, 7);
	client = hand_over(logins[1], 9, "b1", 44);
	close(logins[1]);
	assert_string_equal(read_client(client), "");
	close(client);
	logins[1] = peer(ROLE_LOGIN, 8);
	assert_alive();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_homes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sessions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_repeated_and_foreign, setup, teardown),
		cmocka_unit_test_setup_teardown(test_log_restarts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late, setup, teardown),
	};
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *unit;

	if (argc > 0 && strcmp(argv[0], "imapd-session") == 0)
		return be_session();
	if (n <= 0 || (unit = strstr(self, "/unit/")) == NULL)
		return 1;
	snprintf(program, sizeof program, "%.*s/libexec/master-spawn", (int)(unit - self), self);
	if (access(program, X_OK) == -1) {
		printf("skipped: %s is not built\n", program);
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
