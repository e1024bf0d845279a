/*
 * master: binds the sockets, starts and supervises the programs of table.c, reloads, stops.
 *
 *	master -c CONF [-f] [-r FD]
 *
 * -f stays in the session of its caller; -r tells FD "ok" or why not, once the start is decided.
 * Links libc only, reads nothing but bounded messages of its children and of the suite's owner.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "child.h"
#include "configuration.h"
#include "control.h"
#include "deny.h"
#include "dirs.h"
#include "listen.h"
#include "reload.h"

enum { POLL_MAX = 512, EX_USAGE = 64, EX_CONFIG = 78 };

static struct suite suite = {
	.generation = 1,
	.control_fd = -1,
	.root_fd = -1,
	.ready_fd = -1,
	.libexec = THURN_LIBEXEC,
};

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* --- start ------------------------------------------------------------------------------------ */

/* systemd's readiness protocol: one datagram (sd_notify(3)). */
static void notify_systemd(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	socklen_t size;
	int fd;

	if (path == NULL || str_copy(str_of(path), sun.sun_path, sizeof sun.sun_path) == -1)
		return;
	size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (sun.sun_path[0] == '@')
		sun.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sun, size);
	close(fd);
}

static void tell_ready(struct suite *s, const char *text)
{
	if (s->ready_fd == -1)
		return;
	if (write(s->ready_fd, text, strlen(text)) == -1 || write(s->ready_fd, "\n", 1) == -1)
		log_debug(NULL, EV("starter-gone"), KERRNO);
	close(s->ready_fd);
	s->ready_fd = -1;
}

static _Noreturn void give_up(struct suite *s, int status)
{
	log_error(NULL, EV("start-refused"), KZ("why", s->failure));
	tell_ready(s, s->failure);
	children_kill(s);
	log_flush();
	exit(status);
}

static int open_controls(struct suite *s)
{
	const char *run = s->plan->run;

	s->control_fd = listen_control(run, "control", 0600);
	for (size_t i = 0; i < nprocesses; i++) {
		const char *name = processes[i].socket;

		s->socket_fds[i] = -1;
		if (name == NULL)
			continue;
		/* the queue may be listed by everybody; who may do what is for the service to
		 * decide */
		s->socket_fds[i] = listen_control(run, name, 0666);
		if (s->socket_fds[i] == -1)
			return -1;
		if (s->root && chmod(run, 0755) == -1)
			return -1;
	}
	return s->control_fd == -1 ? -1 : 0;
}

static void start(struct suite *s)
{
	TAILQ_INIT(&s->children);
	TAILQ_INIT(&s->listenings);
	s->root = geteuid() == 0;
	s->plan = configuration_read(s, s->failure, sizeof s->failure);
	if (s->plan == NULL || dirs_open(s) == -1 ||
	    listen_open(s, s->plan, s->failure, sizeof s->failure) == -1)
		give_up(s, EX_CONFIG);
	if (open_controls(s) == -1) {
		snprintf(s->failure, sizeof s->failure, "control sockets: %s", strerror(errno));
		give_up(s, EX_CONFIG);
	}
	listen_sweep(s);
	if ((s->root && deny_capabilities() == -1) || deny_calls() == -1) {
		snprintf(s->failure, sizeof s->failure, "confinement: %s", strerror(errno));
		give_up(s, EX_CONFIG);
	}
	control_init();
	children_plan(s);
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* --- running ---------------------------------------------------------------------------------- */

static void on_signals(struct suite *s, int fd)
{
	struct signalfd_siginfo si;

	while (read(fd, &si, sizeof si) == (ssize_t)sizeof si) {
		if (si.ssi_signo == SIGCHLD)
			children_reap(s);
		else if (si.ssi_signo == SIGHUP)
			reload_begin(s);
		else
			s->stopping = true;
	}
}

/* Waits for whatever comes first, at most ms, and handles it. */
static void wait_and_serve(struct suite *s, int signal_fd, int ms)
{
	struct pollfd p[POLL_MAX];
	nfds_t n = 0, first_client, first_child;
	struct child *c;

	p[n++] = (struct pollfd){ .fd = signal_fd, .events = POLLIN };
	p[n++] = (struct pollfd){ .fd = s->control_fd, .events = POLLIN };
	first_client = n;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		p[n++] = (struct pollfd){ .fd = clients[i].fd, .events = POLLIN };
	first_child = n;
	TAILQ_FOREACH (c, &s->children, next)
		if (n < POLL_MAX)
			p[n++] =
			    (struct pollfd){ .fd = c->pid > 0 ? c->control : -1, .events = POLLIN };
	if (poll(p, n, ms) <= 0)
		return;
	n = first_child;
	TAILQ_FOREACH (c, &s->children, next)
		if (n < POLL_MAX && p[n++].revents != 0 && c->control != -1)
			child_read(s, c);
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (p[first_client + i].revents != 0)
			control_read(s, &clients[i]);
	if (p[1].revents != 0)
		control_accept(s);
	if (p[0].revents != 0)
		on_signals(s, signal_fd);
}

static void run(struct suite *s, int signal_fd)
{
	bool told = false;

	while (!s->stopping) {
		int ms = children_step(s);

		if (!told && s->failure[0] != '\0')
			give_up(s, EX_CONFIG);
		if (!told && s->ready) {
			told = true;
			log_notice(NULL, EV("suite-ready"), KI("pid", getpid()));
			tell_ready(s, "ok");
			notify_systemd("READY=1");
		}
		reload_step(s);
		log_flush();
		wait_and_serve(s, signal_fd, ms);
	}
}

static void stop(struct suite *s, int signal_fd)
{
	uint64_t deadline = now_ms() + s->plan->shutdown_ms;

	notify_systemd("STOPPING=1");
	log_notice(NULL, EV("suite-stopping"));
	log_flush();
	while (children_stop(s) && now_ms() < deadline)
		wait_and_serve(s, signal_fd, (int)(deadline - now_ms()));
	children_kill(s);
	while (children_stop(s) && now_ms() < deadline + 1000)
		wait_and_serve(s, signal_fd, 100);
}

static void usage(void)
{
	fprintf(stderr, "usage: master -c configuration [-f] [-r descriptor]\n");
	exit(EX_USAGE);
}

static void options(struct suite *s, int argc, char **argv)
{
	const char *libexec = getenv("THURN_LIBEXEC");
	bool foreground = false;
	uint64_t fd;
	int c;

	while ((c = getopt(argc, argv, "c:fr:")) != -1) {
		if (c == 'c')
			s->conf_path = optarg;
		else if (c == 'f')
			foreground = true;
		else if (c == 'r' && str_u64(str_of(optarg), 1024, &fd) == 0)
			s->ready_fd = (int)fd;
		else
			usage();
	}
	if (s->conf_path == NULL || s->conf_path[0] != '/' || optind != argc)
		usage();
	if (libexec != NULL)
		s->libexec = libexec;
	if (s->ready_fd != -1)
		fcntl(s->ready_fd, F_SETFD, FD_CLOEXEC);
	if (!foreground)
		setsid();
}

int main(int argc, char **argv)
{
	int signal_fd;

	umask(077);
	signal(SIGPIPE, SIG_IGN);
	options(&suite, argc, argv);
	signal_fd = open_signals();
	if (signal_fd == -1)
		return EX_CONFIG;
	start(&suite);
	run(&suite, signal_fd);
	stop(&suite, signal_fd);
	return 0;
}
