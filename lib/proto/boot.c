/* Starting a program and talking to it. See boot.h. */
#include "proto/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "proto/root_types.h"

static void put_privilege(struct put *w, const struct privilege *p)
{
	put_u32(w, p->calls);
	put_u64(w, p->caps);
	put_u32(w, p->fsuid_lo);
	put_u32(w, p->fsuid_hi);
	put_u32(w, p->uid);
	put_u32(w, p->gid);
	put_u32(w, p->nofile);
	put_u64(w, p->memory);
	put_u64(w, p->file);
	put_u8(w, p->root);
	put_u8(w, p->refuse);
}

static void get_privilege(struct get *g, struct privilege *p)
{
	p->calls = get_u32(g);
	p->caps = get_u64(g);
	p->fsuid_lo = get_u32(g);
	p->fsuid_hi = get_u32(g);
	p->uid = get_u32(g);
	p->gid = get_u32(g);
	p->nofile = get_u32(g);
	p->memory = get_u64(g);
	p->file = get_u64(g);
	p->root = get_bool(g);
	p->refuse = get_bool(g);
}

void put_boot(struct put *w, const struct boot *b)
{
	put_u8(w, b->role);
	put_u16(w, b->instance);
	put_privilege(w, &b->privilege);
	put_str(w, b->extra);
}

int get_boot(struct get *g, struct boot *b)
{
	b->role = get_u8(g);
	b->instance = get_u16(g);
	get_privilege(g, &b->privilege);
	b->extra = get_str(g, BOOT_EXTRA_MAX);
	return get_end(g);
}

void put_session_row(struct put *w, const struct session_row *r)
{
	put_privilege(w, &r->privilege);
	put_str(w, r->program);
	put_u32(w, r->sessions_max);
	put_u32(w, r->per_account_max);
}

int get_session_row(struct get *g, struct session_row *r)
{
	get_privilege(g, &r->privilege);
	r->program = get_line(g, BOOT_PATH_MAX);
	r->sessions_max = get_u32(g);
	r->per_account_max = get_u32(g);
	return get_end(g);
}

/* An empty environment, but that a test build passes on where to crash (base/crash.h). */
static char *const *environment(void)
{
	static char *env[] = { NULL, NULL };

#ifdef THURN_TEST_CRASH
	for (char **e = environ; *e != NULL; e++)
		if (strncmp(*e, "THURN_CRASH=", 12) == 0)
			env[0] = *e;
#endif
	return env;
}

/* In the child: nothing of the parent stays but the control channel and the standard streams. */
static _Noreturn void become_program(const char *program, const char *name, int control)
{
	char *const argv[] = { (char *)(uintptr_t)name, NULL };
	sigset_t none;
	int null;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDONLY);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1)
		_exit(71);
	if (control == BOOT_CONTROL_FD) {
		if (fcntl(control, F_SETFD, 0) == -1)
			_exit(71);
	} else if (dup2(control, BOOT_CONTROL_FD) == -1) {
		_exit(71);
	}
	close_range(BOOT_CONTROL_FD + 1, ~0u, 0);
	execve(program, argv, environment());
	_exit(errno == ENOENT ? 72 : 71);
}

int boot_spawn(const char *program, const char *name, int *control)
{
	int pair[2];
	pid_t pid;

	if (ipc_pair(pair) == -1)
		return -1;
	pid = fork();
	if (pid == 0)
		become_program(program, name, pair[1]);
	close(pair[1]);
	if (pid == -1) {
		close(pair[0]);
		return -1;
	}
	*control = pair[0];
	return pid;
}

static int send_message(
    int control, uint16_t type, const struct put *w, const int *fds, unsigned nfds)
{
	struct ipc_msg m = { .type = type, .nfds = nfds };

	if (w != NULL && w->bad) {
		errno = EMSGSIZE;
		return -1;
	}
	m.body = w != NULL ? put_view(w) : STR_NONE;
	if (nfds > 0)
		memcpy(m.fds, fds, nfds * sizeof *fds);
	return ipc_send(control, &m);
}

int boot_begin(int control, const struct boot *b, int conf_fd, int root_fd)
{
	struct put w = put_start();
	const int fds[2] = { conf_fd, root_fd };

	put_boot(&w, b);
	return send_message(control, BOOT_BEGIN, &w, fds, root_fd == -1 ? 1 : 2);
}

int boot_fd(int control, const char *name, const char *path, uint32_t rights, int fd)
{
	struct put w = put_start();

	put_z(&w, name);
	put_z(&w, path);
	put_u32(&w, rights);
	return send_message(control, BOOT_FD, &w, &fd, fd == -1 ? 0 : 1);
}

int boot_listener(int control, uint32_t section, int fd)
{
	struct put w = put_start();

	put_u32(&w, section);
	return send_message(control, BOOT_LISTENER, &w, &fd, 1);
}

static void put_name(struct put *w, enum role role, unsigned instance)
{
	put_u8(w, (uint8_t)role);
	put_u16(w, (uint16_t)instance);
}

int boot_peer(int control, enum role role, unsigned instance, int fd)
{
	struct put w = put_start();

	put_name(&w, role, instance);
	return send_message(control, BOOT_PEER, &w, &fd, 1);
}

int boot_note(int control, uint16_t type)
{
	return send_message(control, type, NULL, NULL, 0);
}

int boot_connected(int control, uint32_t token, uint32_t error, int fd)
{
	struct put w = put_start();

	put_u32(&w, token);
	put_u32(&w, error);
	return send_message(control, BOOT_CONNECTED, &w, &fd, fd == -1 ? 0 : 1);
}

int boot_reload(int control, struct str extra, int conf_fd)
{
	struct ipc_msg m = { .type = BOOT_RELOAD, .body = extra, .fds = { conf_fd }, .nfds = 1 };

	return ipc_send(control, &m);
}

int boot_status(int control, int fd)
{
	return send_message(control, BOOT_STATUS, NULL, &fd, 1);
}

void boot_lost(int control, enum role role, unsigned instance)
{
	struct put w = put_start();

	put_name(&w, role, instance);
	send_message(control, BOOT_LOST, &w, NULL, 0);
}

void boot_tell_status(int fd, enum role role, unsigned instance, struct str text)
{
	struct put w = put_start();

	put_name(&w, role, instance);
	put_str(&w, text);
	send_message(fd, BOOT_STATUS, &w, NULL, 0);
	close(fd);
}
