/*
 * Sessions over socket pairs, on a temporary home, as dialogues:
 *
 *	"C a NOOP"       sent with CRLF
 *	"R hello"        sent as it is
 *	"S a OK *"       the next line matches the pattern (fnmatch; "\\*" is a star)
 *	"U * 3 EXISTS"   a line before the next tagged one matches; the order does not matter
 *	"- *EXPUNGE*"    no line before the next tagged one matched
 *	"T a OK *"       skips untagged lines; the tagged one matches
 *	"2C ...", "2S"   the same for a second session
 *
 * Notices between the two go the way that services/notify would send them.
 */
#ifndef TEST_DIALOGUE_H
#define TEST_DIALOGUE_H

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../../imapd/session/session.h"
#include "../../remove_tree.h"
#include "base/ipc.h"

enum { DIALOGUE_SESSIONS = 2 };

static struct {
	char path[64];
	struct peer {
		int fd, notify;
		pid_t pid;
		struct buf in;
	} peers[DIALOGUE_SESSIONS];
	struct buf taken; /* result of dialogue_raw() */
} home;

/* --- sessions -------------------------------------------------------------------------------- */

static void child(int client, int notify)
{
	struct session s;
	struct store_options options = { .map_size = 64 << 20 };

	session_init(&s);
	s.client = client;
	s.notify = notify;
	s.literal_max = 10 << 20;
	fcntl(client, F_SETFL, O_NONBLOCK);
	fcntl(notify, F_SETFL, O_NONBLOCK);
	log_threshold(LEVEL_WARNING);
	if (chdir(home.path) == -1 || store_open(".", &options, &s.store) != STORE_OK)
		_exit(3);
	session_run(&s, STR("l"));
	session_clear(&s);
	store_close(s.store);
	_exit(0);
}

static void peer_start(int i)
{
	struct peer *p = &home.peers[i];
	int client[2], notify[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client), 0);
	assert_int_equal(ipc_pair(notify), 0);
	p->pid = fork();
	assert_int_not_equal(p->pid, -1);
	if (p->pid == 0) {
		for (int k = 0; k < DIALOGUE_SESSIONS; k++) {
			if (home.peers[k].fd != -1) {
				close(home.peers[k].fd);
				close(home.peers[k].notify);
			}
		}
		close(client[0]);
		close(notify[0]);
		child(client[1], notify[1]);
	}
	close(client[1]);
	close(notify[1]);
	p->fd = client[0];
	p->notify = notify[0];
	buf_init(&p->in, 64 << 20);
}

/* Makes a home; the first session makes the Maildir in it. */
static void dialogue_home(void)
{
	snprintf(home.path, sizeof home.path, "/tmp/thurn-session-XXXXXX");
	assert_non_null(mkdtemp(home.path));
	for (int i = 0; i < DIALOGUE_SESSIONS; i++)
		home.peers[i] = (struct peer){ .fd = -1, .notify = -1 };
	buf_init(&home.taken, 64 << 20);
}

/* Ends the sessions; each must end by itself or at the end of its input, without a crash. */
static void dialogue_end(void)
{
	for (int i = 0; i < DIALOGUE_SESSIONS; i++) {
		struct peer *p = &home.peers[i];
		int status;

		if (p->fd == -1)
			continue;
		shutdown(p->fd, SHUT_WR);
		assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		close(p->fd);
		close(p->notify);
		buf_clear(&p->in);
	}
	buf_clear(&home.taken);
	remove_tree(home.path);
}

/* What services/notify does: a notice of one goes to the other. */
static void carry_notices(void)
{
	static char space[IPC_PACKET_MAX];
	struct ipc_msg m;

	for (int i = 0; i < DIALOGUE_SESSIONS; i++) {
		int other = home.peers[1 - i].notify;

		while (home.peers[i].fd != -1 && ipc_recv(home.peers[i].notify, &m, space) == 1) {
			if (other != -1)
				ipc_send(other, &m);
		}
	}
}

/* Puts a file into the Maildir: "new/name", ".Sent/cur/name:2,S". */
static void dialogue_deliver(const char *path, struct str content)
{
	char name[256];
	int fd;

	snprintf(name, sizeof name, "%s/Maildir/%s", home.path, path);
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, content.p, content.n), (ssize_t)content.n);
	close(fd);
}

static const char *remove_name;
static int removed;

static int remove_named(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	if (type == FTW_F && strncmp(path + f->base, remove_name, strlen(remove_name)) == 0 &&
	    unlink(path) == 0)
		removed++;
	return 0;
}

/* Removes files whose names begin so; how many. */
static int dialogue_remove(const char *name)
{
	remove_name = name;
	removed = 0;
	nftw(home.path, remove_named, 16, FTW_PHYS);
	return removed;
}

/* --- lines ----------------------------------------------------------------------------------- */

static void more(struct peer *p, const char *why)
{
	for (;;) {
		struct pollfd fds[3] = { { .fd = p->fd, .events = POLLIN },
			{ .fd = home.peers[0].notify, .events = POLLIN },
			{ .fd = home.peers[1].notify, .events = POLLIN } };
		char *to;
		ssize_t n;

		if (poll(fds, 3, 5000) <= 0)
			fail_msg("nothing came for: %s", why);
		carry_notices();
		if (fds[0].revents == 0)
			continue;
		to = buf_room(&p->in, 65536);
		n = read(p->fd, to, 65536);
		if (n <= 0)
			fail_msg("the session has ended before: %s", why);
		p->in.n += (size_t)n;
		return;
	}
}

/* The next line without CRLF, literals and all, into home.taken. */
static struct str next_line(struct peer *p, const char *why)
{
	size_t from = 0;
	struct str line;

	for (;;) {
		struct str rest = str_skip(buf_view(&p->in), from);
		ssize_t nl = str_find(rest, '\n'), brace;
		uint64_t n;

		if (nl == -1) {
			more(p, why);
			continue;
		}
		line = str_take(buf_view(&p->in), from + (size_t)nl - 1);
		rest = str_take(rest, (size_t)nl - 1);
		brace = str_rfind(rest, '{');
		if (!str_ends(rest, STR("}")) || brace == -1 ||
		    str_u64((struct str){ rest.p + brace + 1, rest.n - (size_t)brace - 2 }, 1 << 30,
			&n) == -1)
			break;
		from += (size_t)nl + 1 + n;
		while (p->in.n < from)
			more(p, why);
	}
	buf_reset(&home.taken);
	buf_str(&home.taken, line);
	buf_drop(&p->in, line.n + 2);
	return buf_view(&home.taken);
}

static bool tagged(struct str line)
{
	return line.n > 0 && line.p[0] != '*' && line.p[0] != '+';
}

static void send_bytes(struct peer *p, struct str s)
{
	while (s.n > 0) {
		ssize_t n = write(p->fd, s.p, s.n);

		assert_true(n > 0);
		s = str_skip(s, (size_t)n);
	}
}

static bool matches(const char *pattern, struct str line)
{
	char *z = str_dup(line);
	bool good = fnmatch(pattern, z, 0) == 0;

	free(z);
	return good;
}

/* Looks ahead, up to the next tagged line, which stays. */
static bool ahead(struct peer *p, const char *pattern, const char *why)
{
	struct buf seen;
	bool found = false, end = false;

	buf_init(&seen, 64 << 20);
	while (!end) {
		struct str line = next_line(p, why);

		found |= matches(pattern, line);
		end = tagged(line);
		buf_str(&seen, line);
		buf_z(&seen, "\r\n");
	}
	buf_str(&seen, buf_view(&p->in));
	buf_clear(&p->in);
	p->in = seen;
	return found;
}

static void step(const char *text)
{
	struct peer *p = &home.peers[*text == '2' ? 1 : 0];
	struct str line;

	if (*text == '2')
		text++;
	if (p->fd == -1) {
		peer_start((int)(p - home.peers));
		if (!tagged(next_line(p, "greeting")))
			fail_msg("no greeting");
	}
	switch (*text) {
	case 'C':
		send_bytes(p, str_of(text + 2));
		send_bytes(p, STR("\r\n"));
		break;
	case 'R':
		send_bytes(p, str_of(text + 2));
		break;
	case 'S':
		line = next_line(p, text);
		if (!matches(text + 2, line))
			fail_msg("expected: %s\n      got: %.*s", text + 2, STR_ARG(line));
		break;
	case 'U':
		if (!ahead(p, text + 2, text))
			fail_msg(
			    "did not come: %s\nbut: %.*s", text + 2, STR_ARG(buf_view(&p->in)));
		break;
	case '-':
		if (ahead(p, text + 2, text))
			fail_msg("came: %s", text + 2);
		break;
	case 'T': /* everything up to the tagged line, which matches */
		do
			line = next_line(p, text);
		while (!tagged(line));
		if (!matches(text + 2, line))
			fail_msg("expected: %s\n      got: %.*s", text + 2, STR_ARG(line));
		break;
	default:
		fail_msg("bad script: %s", text);
	}
}

/* Runs a script; the first line that fails fails the test. Sessions go on between scripts. */
static void dialogue(const char *const *script, size_t n)
{
	for (size_t i = 0; i < n; i++)
		step(script[i]);
}

#define DIALOGUE(...)                                                                              \
	do {                                                                                       \
		static const char *const script[] = { __VA_ARGS__ };                               \
		dialogue(script, sizeof script / sizeof *script);                                  \
	} while (0)

/* Sends bytes to session i, reads up to and with the line that starts with `until`. */
static struct str dialogue_raw(int i, struct str bytes, const char *until)
{
	struct peer *p = &home.peers[i];
	static struct buf all;
	struct str line;

	buf_clear(&all);
	buf_init(&all, 64 << 20);
	send_bytes(p, bytes);
	do {
		line = next_line(p, until);
		buf_str(&all, line);
		buf_z(&all, "\r\n");
	} while (!str_starts(line, str_of(until)));
	return buf_view(&all);
}

#endif
