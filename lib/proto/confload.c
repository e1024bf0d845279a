/* Reading a configuration file by the throwaway program. See confload.h. */
#include "proto/confload.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ipc.h"

enum { ANSWER_FD = 3, ANSWER_MAX = 16 * 1024 * 1024, PIECE = 16 * 1024 };

/* Between fork and exec: async-signal-safe calls only. */
static _Noreturn void child(const char *program, const char *file, int fd)
{
	char *const argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t)file, NULL };
	char *const env[] = { NULL };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (fd == ANSWER_FD)
		fcntl(fd, F_SETFD, 0);
	else if (dup2(fd, ANSWER_FD) == -1)
		_exit(126);
	close_range(ANSWER_FD + 1, ~0u, 0);
	execve(program, argv, env);
	_exit(127);
}

int conf_load_start(struct conf_load *l, const char *program, const char *file)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	l->pid = fork();
	if (l->pid == 0)
		child(program, file, fds[1]);
	close(fds[1]);
	if (l->pid == -1) {
		close(fds[0]);
		return -1;
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	l->pidfd = pidfd_open(l->pid, 0);
	l->fd = fds[0];
	buf_init(&l->in, ANSWER_MAX);
	return 0;
}

int conf_load_read(struct conf_load *l)
{
	for (;;) {
		char *p = buf_room(&l->in, PIECE);
		ssize_t n;

		if (p == NULL)
			return 1; /* too much: will not decode */
		n = read(l->fd, p, PIECE);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN ? 0 : 1;
		if (n == 0)
			return 1;
		l->in.n += (size_t)n;
	}
}

static struct conf *decode(struct str answer, struct buf *text, bool *said)
{
	struct get g = get_start(answer);
	uint32_t magic = get_u32(&g);
	bool good = get_bool(&g);
	struct str lines = get_str(&g, CONF_LOAD_TEXT_MAX);

	*said = get_ok(&g) == 0 && magic == CONF_LOAD_MAGIC;
	if (!*said)
		return NULL;
	buf_str(text, lines);
	*said = lines.n > 0 && !good;
	return good ? conf_decode(str_bytes(g.p, (size_t)(g.end - g.p))) : NULL;
}

struct conf *conf_load_end(struct conf_load *l, struct buf *text)
{
	struct conf *c;
	bool said;
	int status = 0;

	close(l->fd);
	c = decode(buf_view(&l->in), text, &said);
	buf_clear(&l->in);
	/* It has answered, or nobody is listening any more. By descriptor: the pid may be
	 * another's. */
	if (l->pidfd != -1) {
		pidfd_send_signal(l->pidfd, SIGKILL, NULL, 0);
		close(l->pidfd);
	}
	while (waitpid(l->pid, &status, 0) == -1 && errno == EINTR)
		;
	if (c == NULL && !said)
		buf_printf(text, "the reader of the configuration failed (%s %d)\n",
		    WIFSIGNALED(status) ? "signal" : "status",
		    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return c;
}

struct conf *conf_load(const char *program, const char *file, struct buf *text)
{
	struct conf_load l;

	if (access(program, X_OK) == -1 || conf_load_start(&l, program, file) == -1) {
		buf_printf(text, "%s: %s\n", program, strerror(errno));
		return NULL;
	}
	while (conf_load_read(&l) == 0) {
		struct pollfd p = { .fd = l.fd, .events = POLLIN };

		if (poll(&p, 1, CONF_LOAD_SECONDS * 1000) == 0)
			break;
	}
	return conf_load_end(&l, text);
}
