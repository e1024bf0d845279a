/*
 * The shipped auth, started as master does, between a spawn and a sasl that has been taken over:
 * what it says is checked, counted, and costs it no more than its channel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memfd.h"
#include "mail/status.h"
#include "proto/auth.h"
#include "proto/boot.h"
#include "proto/conf.h"
#include "proto/types.h"

enum { PATIENCE = 20000, RATE = 10 };

static char dir[64], path[128], self[4096], program[8192];
static int pid, control, sasl, spawn, tool;
static uint8_t space[IPC_PACKET_MAX];

/* --- master's side --------------------------------------------------------------------------- */

static int peer(enum role role)
{
	int ends[2];

	assert_int_equal(ipc_pair(ends), 0);
	assert_int_equal(boot_peer(control, role, 0, ends[1]), 0);
	close(ends[1]);
	return ends[0];
}

/* The next packet; 0 = the channel is closed. */
static int receive(int fd, struct ipc_msg *m)
{
	int r;

	assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, PATIENCE), 1);
	r = ipc_recv(fd, m, space);
	return r == -1 && errno == ECONNRESET ? 0 : r;
}

static int settings(const char *iterations)
{
	struct conf *c = conf_new();
	struct buf b;
	int fd;

	conf_set(c, NULL, "password_cost", STR("1"), "test", 1);
	conf_set(c, NULL, "auth_tries_per_minute", STR("10"), "test", 1);
	conf_set(c, NULL, "certificate_logins", STR("Carol C carol@example.org"), "test", 1);
	conf_set(c, NULL, "scram_iterations", str_of(iterations), "test", 1);
	buf_init(&b, 1024 * 1024);
	assert_int_equal(conf_encode(c, ROLE_AUTH, &b), 0);
	fd = memfd_sealed("test", buf_view(&b));
	buf_clear(&b);
	conf_free(c);
	return fd;
}

static int listen_at(const char *where)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(str_copy(str_of(where), sun.sun_path, sizeof sun.sun_path), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static void start_auth(void)
{
	const struct privilege p = { .calls = CALLS_ACCEPT | CALLS_THREADS | CALLS_READ |
					      CALLS_WRITE | CALLS_LMDB,
		.nofile = 256 };
	struct boot b = { .role = ROLE_AUTH, .privilege = p };
	int accounts = open(dir, O_RDONLY | O_DIRECTORY), conf = settings("5000"), listener;
	struct ipc_msg m;

	snprintf(path, sizeof path, "%s/socket", dir);
	listener = listen_at(path);
	pid = boot_spawn(program, "auth", &control);
	assert_true(pid > 0);
	assert_int_equal(boot_begin(control, &b, conf, -1), 0);
	assert_int_equal(boot_fd(control, "accounts", dir, DIR_READ | DIR_WRITE, accounts), 0);
	assert_int_equal(boot_fd(control, "socket.accounts", path, 0, listener), 0);
	sasl = peer(ROLE_SASL);
	spawn = peer(ROLE_SPAWN);
	assert_int_equal(boot_note(control, BOOT_GO), 0);
	assert_int_equal(receive(control, &m), 1);
	assert_int_equal(m.type, BOOT_READY);
	close(accounts);
	close(conf);
	close(listener);
}

/* New settings, and they are in force: what comes behind them on the channel is answered. */
static void reload(int conf)
{
	int ends[2];
	struct ipc_msg m;

	assert_int_equal(ipc_pair(ends), 0);
	assert_int_equal(boot_reload(control, STR_NONE, conf), 0);
	assert_int_equal(boot_status(control, ends[1]), 0);
	close(ends[1]);
	assert_int_equal(receive(ends[0], &m), 1);
	close(ends[0]);
}

static void ask(int fd, uint16_t type, const struct put *w)
{
	static uint32_t id;
	struct ipc_msg m = { .type = type, .id = ++id, .gen = 1, .body = put_view(w) };

	assert_false(w->bad);
	assert_int_equal(ipc_send(fd, &m), 0);
}

/* The owner of the suite makes an account; spawn says that its home is there. */
static void add(const char *address, uint32_t flags)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct put w = put_start();
	struct status st;
	struct ipc_msg m;
	struct get g;

	tool = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(str_copy(str_of(path), sun.sun_path, sizeof sun.sun_path), 0);
	assert_int_equal(connect(tool, (struct sockaddr *)&sun, sizeof sun), 0);
	put_account_change(
	    &w, &(struct account_change){
		    .address = str_of(address), .password = STR("secret"), .flags = flags });
	ask(tool, AUTH_CTL_ADD, &w);
	assert_int_equal(receive(spawn, &m), 1);
	assert_int_equal(m.type, SPAWN_HOME);
	status_set(&st, 250, "2.0.0", "made");
	w = put_start();
	put_status(&w, &st);
	m.flags = IPC_REPLY;
	m.body = put_view(&w);
	assert_int_equal(ipc_send(spawn, &m), 0);
	assert_int_equal(receive(tool, &m), 1);
	g = get_start(m.body);
	assert_int_equal(get_u32(&g), 0);
	close(tool);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/thurn-test-auth.XXXXXX");
	assert_non_null(mkdtemp(dir));
	start_auth();
	add("alice@example.org", 0);
	add("carol@example.org", ACCOUNT_CERTIFICATE);
	return 0;
}

static int teardown(void **state)
{
	static const char *const files[] = { "data.mdb", "changes.log", "socket" };
	int status, fd = open(dir, O_RDONLY | O_DIRECTORY);

	(void)state;
	close(sasl);
	close(spawn);
	close(control); /* its end */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		unlinkat(fd, files[i], 0);
	close(fd);
	return rmdir(dir);
}

/* --- sasl's side ----------------------------------------------------------------------------- */

static struct auth_who who(const char *login, const char *client)
{
	return (struct auth_who){ .service = STR("imap"),
		.client = str_of(client),
		.mechanism = STR("X"),
		.instance = 3,
		.login = str_of(login) };
}

static enum auth_verdict verdict(void)
{
	struct auth_answer a;
	struct ipc_msg m;
	struct get g;

	assert_int_equal(receive(sasl, &m), 1);
	g = get_start(m.body);
	assert_int_equal(get_auth_answer(&g, &a), 0);
	return a.verdict;
}

static enum auth_verdict check(const char *login, const char *client, const char *password)
{
	struct put w = put_start();

	put_auth_check(
	    &w, &(struct auth_check){ .who = who(login, client), .password = str_of(password) });
	ask(sasl, AUTH_CHECK, &w);
	return verdict();
}

static bool granted(void)
{
	struct ipc_msg m;

	if (poll(&(struct pollfd){ .fd = spawn, .events = POLLIN }, 1, 0) != 1)
		return false;
	assert_int_equal(receive(spawn, &m), 1);
	assert_int_equal(m.type, SPAWN_GRANT);
	return true;
}

static void test_right_and_wrong(void **state)
{
	(void)state;
	assert_int_equal(check("Alice@example.org", "192.0.2.1", "secret"), AUTH_OK);
	assert_true(granted());
	assert_int_equal(check("alice@example.org", "192.0.2.1", "Secret"), AUTH_REFUSED);
	assert_int_equal(check("bob@example.org", "192.0.2.1", "secret"), AUTH_REFUSED);
	assert_false(granted());
}

/* A certificate is believed for those alone who are marked for it; a proof is computed anew. */
static void test_claims(void **state)
{
	struct auth_certificate q = { who("", "192.0.2.1"), STR("alice@example.org") };
	struct auth_proof_answer a;
	struct put w = put_start();
	struct ipc_msg m;
	struct get g;

	(void)state;
	put_auth_certificate(&w, &q);
	ask(sasl, AUTH_CERTIFICATE, &w);
	assert_int_equal(verdict(), AUTH_REFUSED);
	assert_false(granted());
	q.name = STR("carol@example.org");
	w = put_start();
	put_auth_certificate(&w, &q);
	ask(sasl, AUTH_CERTIFICATE, &w);
	assert_int_equal(verdict(), AUTH_OK);
	assert_true(granted());
	/* another name may stand for her; then she is not who the certificate names */
	for (unsigned i = 0; i < 3; i++) {
		static const char *const said[] = { "carol@example.org", "", "Carol C" };

		q = (struct auth_certificate){ who(said[i], "192.0.2.1"), STR("carol c") };
		w = put_start();
		put_auth_certificate(&w, &q);
		ask(sasl, AUTH_CERTIFICATE, &w);
		assert_int_equal(verdict(), i < 2 ? AUTH_OK : AUTH_REFUSED);
		assert_int_equal(granted(), i < 2);
	}
	w = put_start();
	put_auth_proof(&w, &(struct auth_proof){ .who = who("alice@example.org", "192.0.2.1"),
			       .message = STR("n=alice,r=x,r=xy,s=,i=4096,c=biws,r=xy"),
			       .proof = STR("01234567890123456789012345678901") });
	ask(sasl, AUTH_PROOF, &w);
	assert_int_equal(receive(sasl, &m), 1);
	g = get_start(m.body);
	assert_int_equal(get_auth_proof_answer(&g, &a), 0);
	assert_int_equal(a.answer.verdict, AUTH_REFUSED);
	assert_int_equal(a.signature.n, 0);
	w = put_start();
	put_auth_token(&w, &(struct auth_token){ .who = who("alice@example.org", "192.0.2.1"),
			       .token = STR("e30.e30.eA"),
			       .text = STR("e30.e30"),
			       .signature = STR("x") });
	ask(sasl, AUTH_TOKEN, &w);
	assert_int_equal(verdict(), AUTH_REFUSED);
	assert_false(granted());
}

/* What a login that there is not would have hashed with does not follow the settings: no real one does. */
static void test_invented_salts_stay(void **state)
{
	char salt[SCRAM_SALT_BYTES];
	int conf = settings("20000");

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct auth_who q = who("nobody@example.org", "192.0.2.1");
		struct put w = put_start();
		struct auth_salt_answer a;
		struct ipc_msg m;
		struct get g;

		put_auth_salt(&w, &q);
		ask(sasl, AUTH_SALT, &w);
		assert_int_equal(receive(sasl, &m), 1);
		g = get_start(m.body);
		assert_int_equal(get_auth_salt_answer(&g, &a), 0);
		assert_int_equal(a.iterations, 5000);
		assert_int_equal(a.salt.n, sizeof salt);
		if (i > 0)
			assert_memory_equal(salt, a.salt.p, sizeof salt);
		memcpy(salt, a.salt.p, sizeof salt);
		reload(conf);
	}
	close(conf);
}

/* It may say that each guess is from another network: the login itself has a limit. */
static void test_guesses_are_counted(void **state)
{
	unsigned looked_at = 0;
	char client[32];

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(client, sizeof client, "10.1.%u.%u", i / 250, i % 250 + 1);
		looked_at += check("dave@example.org", client, "wrong") == AUTH_REFUSED;
	}
	assert_in_range(looked_at, 2 * RATE, 2 * RATE + 4); /* some come back while time passes */
	looked_at = 0;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(client, sizeof client, "user%u@example.org", i);
		looked_at += check(client, "10.2.0.1", "wrong") == AUTH_REFUSED;
	}
	assert_in_range(looked_at, 5 * RATE, 5 * RATE + 10);
}

/* What is not for sasl, or is no message at all, costs it the channel; auth serves the next one. */
static void test_nonsense(void **state)
{
	static const uint16_t types[] = { AUTH_CHECK, AUTH_SALT, AUTH_PROOF, AUTH_TOKEN,
		AUTH_CERTIFICATE, AUTH_ACCOUNT, SPAWN_HOME, AUTH_CTL_ADD, AUTH_CTL_LIST, 0xffff };

	(void)state;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct put w = put_start();
		struct ipc_msg m;

		put_z(&w, "nonsense");
		ask(sasl, types[i], &w);
		assert_int_equal(receive(sasl, &m), 0);
		close(sasl);
		sasl = peer(ROLE_SASL);
		assert_int_equal(check("alice@example.org", "192.0.2.1", "secret"), AUTH_OK);
		assert_true(granted());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_right_and_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(test_claims, setup, teardown),
		cmocka_unit_test_setup_teardown(test_invented_salts_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_guesses_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
	};
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *unit;

	if (n <= 0 || (unit = strstr(self, "/unit/")) == NULL)
		return 1;
	snprintf(program, sizeof program, "%.*s/libexec/services-auth", (int)(unit - self), self);
	if (access(program, X_OK) == -1) {
		printf("skipped: %s is not built\n", program);
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
