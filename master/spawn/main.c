/*
 * spawn: the part of the suite that becomes a user. Makes homes when auth says so, and starts the
 * program that serves a user who has logged in, when auth and login agree about it. Is never told a
 * uid, a path or a command by whoever talks to the network. Runs as root (or as whoever started the
 * suite), reads small bounded messages only, links libc only. See thurn-spawn(8).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "proto/types.h"
#include "spawn.h"

enum { TICK = 1000, EVENTS = 64, EXIT_CONFIG = 78 };

struct spawn spawn = { .mail_fd = -1, .conf_fd = -1 };
static struct privilege privilege;
static int epoll = -1;
static bool going;

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* --- sources --------------------------------------------------------------------------------- */

int source_add(struct source *s)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = s };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &ev);
}

/* Its memory may go only when the events that were fetched together have been handled. */
static struct epoll_event fetched[EVENTS];
static int nfetched;

void source_close(struct source *s)
{
	/* closing alone does not end the watch while a copy of the descriptor is open somewhere */
	if (s->fd != -1) {
		epoll_ctl(epoll, EPOLL_CTL_DEL, s->fd, NULL);
		close(s->fd);
	}
	s->fd = -1;
	for (int i = 0; i < nfetched; i++)
		if (fetched[i].data.ptr == s)
			fetched[i].data.ptr = NULL;
}

/* --- messages of master ---------------------------------------------------------------------- */

static int set_row(struct str bytes)
{
	struct get g = get_start(bytes);
	struct session_row row;

	if (get_session_row(&g, &row) == -1)
		return -1;
	str_free(&spawn.row.program);
	spawn.row = row;
	spawn.row.program = str_clone(row.program);
	return 0;
}

static int set_conf(struct ipc_msg *m)
{
	int fd = ipc_take_fd(m, 0);

	if (fd == -1)
		return -1;
	if (spawn.conf_fd != -1)
		close(spawn.conf_fd);
	spawn.conf_fd = fd;
	return 0;
}

static int on_begin(int control, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct boot b;

	(void)control;
	if (get_boot(&g, &b) == -1 || b.role != ROLE_SPAWN || set_row(b.extra) == -1)
		return -1;
	privilege = b.privilege;
	spawn.owners =
	    (struct owners){ b.privilege.root, b.privilege.fsuid_lo, b.privilege.fsuid_hi };
	return set_conf(m);
}

static int on_fd(int control, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct str name = get_line(&g, BOOT_NAME_MAX);

	(void)control;
	get_line(&g, BOOT_PATH_MAX);
	get_u32(&g);
	if (get_end(&g) == -1 || !str_eq(name, STR("mail")) || spawn.mail_fd != -1)
		return -1;
	spawn.mail_fd = ipc_take_fd(m, 0);
	return spawn.mail_fd == -1 ? -1 : 0;
}

static int on_peer(int control, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	enum role role = get_u8(&g);
	unsigned instance = get_u16(&g);
	int fd, copy;

	(void)control;
	if (get_end(&g) == -1 || m->nfds != 1)
		return -1;
	fd = ipc_take_fd(m, 0);
	if (role == ROLE_LOG) {
		/* events and new sessions go the same way */
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (copy != -1)
			log_open(&copy, role_name(ROLE_SPAWN));
	}
	peer_add(role, instance, fd);
	return 0;
}

static int on_go(int control, struct ipc_msg *m)
{
	(void)control;
	(void)m;
	going = true;
	return 0;
}

static int on_reload(int control, struct ipc_msg *m)
{
	(void)control;
	return set_row(m->body) == -1 ? -1 : set_conf(m);
}

static int on_drain(int control, struct ipc_msg *m)
{
	(void)control;
	(void)m;
	spawn.draining = true;
	sessions_drain();
	return 0;
}

static int on_status(int control, struct ipc_msg *m)
{
	int fd = ipc_take_fd(m, 0);
	char text[64];

	(void)control;
	if (fd == -1)
		return -1;
	snprintf(text, sizeof text, "sessions %u\n", sessions_count());
	boot_tell_status(fd, ROLE_SPAWN, 0, str_of(text));
	return 0;
}

static const struct {
	uint16_t type;
	bool before_go, after_go;
	int (*fn)(int control, struct ipc_msg *m);
} control_rows[] = {
	{ BOOT_BEGIN, true, false, on_begin },
	{ BOOT_FD, true, false, on_fd },
	{ BOOT_PEER, true, true, on_peer },
	{ BOOT_GO, true, false, on_go },
	{ BOOT_RELOAD, false, true, on_reload },
	{ BOOT_DRAIN, false, true, on_drain },
	{ BOOT_STATUS, false, true, on_status },
};

static int control_dispatch(int control, struct ipc_msg *m)
{
	for (unsigned i = 0; i < sizeof control_rows / sizeof *control_rows; i++)
		if (control_rows[i].type == m->type)
			return (going ? control_rows[i].after_go : control_rows[i].before_go)
				   ? control_rows[i].fn(control, m)
				   : -1;
	return -1;
}

static _Noreturn void finish(int status)
{
	log_flush();
	_exit(status);
}

/* Reads what is there. Master is trusted; if it is gone, or talks nonsense, there is nothing to do.
 */
static void on_control(struct source *s)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct ipc_msg m;
	int r = ipc_recv(s->fd, &m, space);

	if (r == -1 && errno == EAGAIN)
		return;
	if (r == 0)
		finish(0);
	if (r == -1 || control_dispatch(s->fd, &m) == -1) {
		log_error(NULL, EV("boot-failed"), KI("message", r == -1 ? -1 : m.type));
		finish(EXIT_CONFIG);
	}
	ipc_close_fds(&m);
}

/* --- start ----------------------------------------------------------------------------------- */

/*
 * Only the capabilities of the table stay; a session, which begins as root, cannot get more of
 * them either, since no_new_privs is in force. The filter of system calls is master's, inherited.
 */
static int confine(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)privilege.caps, .permitted = (uint32_t)privilege.caps },
		{ .effective = (uint32_t)(privilege.caps >> 32),
		    .permitted = (uint32_t)(privilege.caps >> 32) },
	};
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == -1)
		return -1;
	files.rlim_cur = privilege.nofile < files.rlim_max ? privilege.nofile : files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) == -1 ||
	    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return -1;
	return privilege.root ? (int)syscall(SYS_capset, &head, data) : 0;
}

static void say_ready(int control)
{
	struct put w = put_start();
	struct ipc_msg m = { .type = BOOT_READY };
	uint32_t layers = LAYER_NNP;

	if (privilege.root)
		layers |= LAYER_CAPS;
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2)
		layers |= LAYER_SECCOMP;
	put_u32(&w, layers);
	m.body = put_view(&w);
	ipc_send(control, &m);
}

static void on_child(struct source *s)
{
	struct signalfd_siginfo si;

	while (read(s->fd, &si, sizeof si) == sizeof si)
		;
	sessions_reap();
}

static int start(struct source *control, struct source *children)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	umask(022);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll == -1 || sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return -1;
	children->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (children->fd == -1 || source_add(control) == -1 || source_add(children) == -1)
		return -1;
	return confine();
}

static void wait_for_events(int timeout)
{
	log_flush();
	nfetched = epoll_wait(epoll, fetched, EVENTS, timeout);
	for (int i = 0; i < nfetched; i++) {
		struct source *s = fetched[i].data.ptr;

		if (s != NULL)
			s->ready(s);
	}
	nfetched = 0;
}

int main(void)
{
	struct source control = { .fd = BOOT_CONTROL_FD, .ready = on_control };
	struct source children = { .fd = -1, .ready = on_child };
	uint64_t ticked = 0;

	if (fcntl(control.fd, F_SETFD, FD_CLOEXEC) == -1) {
		fprintf(stderr, "spawn: is started by master, not by hand\n");
		return EXIT_CONFIG;
	}
	while (!going) {
		poll(&(struct pollfd){ .fd = control.fd, .events = POLLIN }, 1, -1);
		on_control(&control);
	}
	if (spawn.mail_fd == -1 || start(&control, &children) == -1) {
		log_error(NULL, EV("start-failed"), KERRNO);
		finish(EXIT_CONFIG);
	}
	say_ready(control.fd);
	peers_start();
	while (!spawn.draining || sessions_count() > 0) {
		wait_for_events(peers_waiting() || sessions_watched() ? TICK : -1);
		if (now_ms() - ticked < TICK)
			continue;
		peers_expire();
		sessions_expire();
		ticked = now_ms();
	}
	finish(0);
}
