/* What a program is told at its start. See start.h. */
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "proto/boot.h"
#include "proto/root_types.h"

static struct privilege row_privilege(const struct suite *s, const struct process *row)
{
	/* a session becomes its mailbox's uid */
	bool own_uid = s->root && !row->root_kept && row != &session_process;
	const struct plan_role *plan = &s->plan->roles[row->role];

	return (struct privilege){
		.calls = row->calls,
		.caps = row->caps,
		.fsuid_lo = s->plan->mailbox_uid_min,
		.fsuid_hi = s->plan->mailbox_uid_max,
		.uid = own_uid ? plan->uid : 0,
		.gid = own_uid ? plan->gid : 0,
		.nofile = row->nofile,
		.file = row->bodies ? s->plan->body_max : 0,
		.root = s->root,
		.refuse = s->plan->refuse || row->refuses,
	};
}

/* What is sent to a role besides its configuration: spawn learns how to start sessions. */
static struct str child_extra(const struct suite *s, const struct process *row)
{
	static uint8_t space[BOOT_PATH_MAX + 256];
	struct put extra = put_into(space, sizeof space);
	char program[BOOT_PATH_MAX];
	struct session_row session;

	if (row->role != ROLE_SPAWN)
		return STR_NONE;
	snprintf(program, sizeof program, "%s/%s", s->libexec, session_process.program);
	session = (struct session_row){
		.privilege = row_privilege(s, &session_process),
		.program = str_of(program),
		.sessions_max = s->plan->sessions_max,
		.per_account_max = s->plan->sessions_per_account,
	};
	put_session_row(&extra, &session);
	return put_view(&extra);
}

static int send_begin(struct suite *s, struct child *c)
{
	struct boot b = {
		.role = (uint8_t)c->row->role,
		.instance = (uint16_t)c->instance,
		.privilege = row_privilege(s, c->row),
		.extra = child_extra(s, c->row),
	};

	return boot_begin(c->control, &b, s->plan->roles[c->row->role].settings,
	    s->root && !c->row->root_kept && !c->row->sees_root ? s->root_fd : -1);
}

static int send_fds(struct suite *s, struct child *c)
{
	char name[BOOT_NAME_MAX];

	for (size_t i = 0; i < sizeof c->row->dirs / sizeof *c->row->dirs; i++) {
		int d = c->row->dirs[i].dir - 1;

		if (d != -1 && boot_fd(c->control, directories[d].name, s->plan->dirs[d],
				   c->row->dirs[i].rights, s->dir_fds[d]) == -1)
			return -1;
	}
	if (c->row->socket == NULL)
		return 0;
	snprintf(name, sizeof name, "socket.%s", c->row->socket);
	return boot_fd(c->control, name, "", 0, s->socket_fds[c->row - processes]);
}

static int send_listeners(struct suite *s, struct child *c)
{
	struct listening *l;

	TAILQ_FOREACH (l, &s->listenings, next)
		if (l->plan.role == c->row->role && l->wanted &&
		    boot_listener(c->control, l->plan.section, l->fd) == -1)
			return -1;
	return 0;
}

int child_start(struct suite *s, struct child *c)
{
	char program[BOOT_PATH_MAX];

	snprintf(program, sizeof program, "%s/%s", s->libexec, c->row->program);
	c->since = now_ms();
	c->gone = false;
	c->layers = 0;
	c->pid = boot_spawn(program, role_name(c->row->role), &c->control);
	if (c->pid == -1) {
		log_error(NULL, EV("start-failed"), KZ("program", program), KERRNO);
		return -1;
	}
	c->state = CHILD_BOOTING;
	if (send_begin(s, c) == -1 || send_fds(s, c) == -1 || send_listeners(s, c) == -1) {
		log_error(NULL, EV("boot-failed"), KZ("program", program), KERRNO);
		kill(c->pid, SIGKILL);
	}
	return 0;
}

void child_reload(struct suite *s, struct child *c)
{
	if (c->control != -1)
		boot_reload(
		    c->control, child_extra(s, c->row), s->plan->roles[c->row->role].settings);
	c->generation = s->generation;
}

/*
 * Symbolic links are followed: those who renew certificates switch by them, and only root can make one
 * where root's configuration points to. Nobody waits for a FIFO here.
 */
static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

/* Its settings name files that it cannot open: passes them on, unread; see boot.h. */
void child_files(const struct suite *s, const struct child *c)
{
	for (uint32_t i = 0; i < s->plan->nfiles; i++) {
		const struct plan_file *f = &s->plan->files[i];
		bool wanted = f->role == c->row->role && !f->socket;
		int fd = wanted ? open_file(f->path) : -1;

		if (wanted)
			boot_fd(c->control, "", f->path, fd == -1 ? (uint32_t)errno : 0, fd);
		if (fd != -1)
			close(fd);
	}
	boot_note(c->control, BOOT_FILES_END);
}

/* Never waits: a socket that takes no connection now is an error. */
static int connect_to(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), saved;

	errno = fd == -1 ? errno : ENAMETOOLONG;
	if (fd == -1 || (str_copy(str_of(path), to.sun_path, sizeof to.sun_path) == 0 &&
			    connect(fd, (struct sockaddr *)&to, sizeof to) == 0))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

void child_connect(const struct suite *s, const struct child *c, uint32_t token, struct str path)
{
	int fd = -1;

	errno = EACCES;
	for (uint32_t i = 0; i < s->plan->nfiles; i++) {
		const struct plan_file *f = &s->plan->files[i];

		if (f->socket && f->role == c->row->role && str_eq(path, str_of(f->path)))
			fd = connect_to(f->path);
	}
	boot_connected(c->control, token, fd == -1 ? (uint32_t)errno : 0, fd);
	if (fd != -1)
		close(fd);
}
