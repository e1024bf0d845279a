/* thurn start, stop, reload. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "proto/types.h"

/* How long a stop may take beyond shutdown_timeout, in ms; master kills what is left after it. */
enum { STOP_GRACE = 15 * 1000 };

static void exec_master(const char *mode, const char *value)
{
	char program[PATH_MAX + 16];
	char *const argv[] = { (char *)"master", (char *)"-c", (char *)(uintptr_t)tool_conf_path(),
		(char *)(uintptr_t)mode, (char *)(uintptr_t)value, NULL };

	snprintf(program, sizeof program, "%s/master", tool_libexec());
	setenv("THURN_LIBEXEC", tool_libexec(), 1);
	execv(program, argv);
	tool_warn("%s: %s", program, strerror(errno));
	_exit(EX_OSERR);
}

static bool running(void)
{
	char *run = str_dup(conf_str(tool_conf(), "run_directory"));
	struct control c;
	bool yes = control_open(&c, run, "control") == 0;

	if (yes)
		control_close(&c);
	free(run);
	return yes;
}

/* In the child: nothing of the caller's is kept open, or a pipe behind it would never end. */
static _Noreturn void background(int ready)
{
	char fd[16];
	int null = open("/dev/null", O_RDWR);

	if (null == -1 || dup2(null, 0) == -1 || dup2(null, 1) == -1 || dup2(null, 2) == -1 ||
	    dup2(ready, 3) == -1)
		_exit(EX_OSERR);
	close_range(4, ~0u, 0);
	snprintf(fd, sizeof fd, "%d", 3);
	exec_master("-r", fd);
	_exit(EX_OSERR);
}

/* What master tells: "ok", or why not. */
static int wait_ready(int fd, pid_t pid)
{
	char text[2048];
	size_t n = 0;
	ssize_t r;
	int status;

	while (n < sizeof text - 1) {
		r = read(fd, text + n, sizeof text - 1 - n);
		if (r == -1 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		n += (size_t)r;
	}
	text[n] = '\0';
	if (strcmp(text, "ok\n") == 0)
		return EX_OK;
	if (waitpid(pid, &status, 0) == -1 || !WIFEXITED(status))
		status = 0;
	if (n == 0)
		return tool_fail(EX_SOFTWARE, "master ended before it was ready");
	tool_say(EX_CONFIG, text);
	return EX_CONFIG;
}

int cmd_start(int argc, char **argv)
{
	bool foreground = tool_flag(&argc, argv, "foreground", 'f');
	int fds[2], r;
	pid_t pid;

	tool_json(&argc, argv);
	if (argc != 1)
		return tool_usage("thurn start [--foreground | --json]");
	if (running())
		return tool_fail(EX_TEMPFAIL, "the suite is running already");
	if (foreground)
		exec_master("-f", NULL);
	if (pipe2(fds, O_CLOEXEC) == -1)
		return tool_fail(EX_OSERR, "%s", strerror(errno));
	pid = fork();
	if (pid == 0)
		background(fds[1]);
	close(fds[1]);
	if (pid == -1)
		return tool_fail(EX_OSERR, "%s", strerror(errno));
	r = wait_ready(fds[0], pid);
	close(fds[0]);
	return r;
}

int cmd_stop(int argc, char **argv)
{
	struct put w = put_start();
	struct control_answer answer;
	struct pollfd p = { .events = POLLIN };
	struct control c;
	uint64_t patience;

	tool_json(&argc, argv);
	if (argc != 1)
		return tool_usage("thurn stop [--json]");
	if (tool_control(&c, "control") == -1)
		return EX_UNAVAILABLE;
	p.fd = pidfd_open(c.pid, 0);
	if (control_ask(&c, CONTROL_STOP, &w, NULL, NULL, &answer) == -1)
		return tool_fail(EX_NOPERM, "refused: not the owner of the suite");
	patience = conf_time(tool_suite_conf(), "shutdown_timeout") + STOP_GRACE;
	if (p.fd != -1 && poll(&p, 1, (int)patience) != 1)
		return tool_fail(EX_TEMPFAIL, "still running after %llu ms (pid %d)",
		    (unsigned long long)patience, c.pid);
	if (p.fd != -1)
		close(p.fd);
	control_close(&c);
	return EX_OK;
}

int cmd_reload(int argc, char **argv)
{
	struct put w = put_start();

	tool_json(&argc, argv);
	if (argc != 1)
		return tool_usage("thurn reload [--json]");
	return tool_ask("control", CONTROL_RELOAD, &w, NULL, NULL);
}
