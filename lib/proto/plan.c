/* What master is told of the configuration. See plan.h. */
#include "proto/plan.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/boot.h"
#include "proto/root_types.h"

/* --- fields ---------------------------------------------------------------------------------- */

static void get_text(struct get *g, char *out, size_t size)
{
	if (str_copy(get_line(g, size - 1), out, size) == -1)
		g->bad = true;
}

static void get_path(struct get *g, char *out, size_t size)
{
	get_text(g, out, size);
	if (out[0] != '/')
		g->bad = true;
}

void put_plan_listener(struct put *w, const struct plan_listener *l)
{
	put_u8(w, l->role);
	put_u8(w, l->family);
	put_u16(w, l->port);
	put_u32(w, l->section);
	put_str(w, str_bytes(l->address, sizeof l->address));
	put_z(w, l->path);
	put_z(w, l->name);
	put_z(w, l->title);
	put_z(w, l->where);
}

int get_plan_listener(struct get *g, struct plan_listener *l)
{
	struct str address;

	l->role = get_u8(g);
	l->family = get_u8(g);
	l->port = get_u16(g);
	l->section = get_u32(g);
	address = get_str(g, sizeof l->address);
	get_text(g, l->path, sizeof l->path);
	get_text(g, l->name, sizeof l->name);
	get_text(g, l->title, sizeof l->title);
	get_text(g, l->where, sizeof l->where);
	if (l->role >= ROLE_MAX || address.n != sizeof l->address ||
	    (l->family != 4 && l->family != 6 && l->path[0] != '/'))
		return -1;
	memcpy(l->address, address.p, sizeof l->address);
	return get_end(g);
}

void put_plan_file(struct put *w, const struct plan_file *f)
{
	put_u8(w, f->role);
	put_u8(w, f->socket);
	put_z(w, f->path);
}

int get_plan_file(struct get *g, struct plan_file *f)
{
	f->role = get_u8(g);
	f->socket = get_bool(g);
	get_path(g, f->path, sizeof f->path);
	return f->role >= ROLE_MAX ? -1 : get_end(g);
}

void put_plan(struct put *w, const struct plan *p)
{
	put_z(w, p->run);
	for (unsigned i = 0; i < DIRS; i++)
		put_z(w, p->dirs[i]);
	for (unsigned i = 0; i < ROLE_MAX; i++) {
		put_u32(w, p->roles[i].uid);
		put_u32(w, p->roles[i].gid);
		put_u16(w, p->roles[i].count);
	}
	put_u32(w, p->mailbox_uid_min);
	put_u32(w, p->mailbox_uid_max);
	put_u32(w, p->sessions_max);
	put_u32(w, p->sessions_per_account);
	put_u64(w, p->body_max);
	put_u32(w, p->shutdown_ms);
	put_u8(w, p->refuse);
}

int get_plan(struct get *g, struct plan *p)
{
	get_path(g, p->run, sizeof p->run);
	for (unsigned i = 0; i < DIRS; i++)
		get_path(g, p->dirs[i], sizeof p->dirs[i]);
	for (unsigned i = 0; i < ROLE_MAX; i++) {
		p->roles[i].uid = get_u32(g);
		p->roles[i].gid = get_u32(g);
		p->roles[i].count = get_u16(g);
		if (p->roles[i].count > PLAN_WORKERS_MAX)
			g->bad = true;
	}
	p->mailbox_uid_min = get_u32(g);
	p->mailbox_uid_max = get_u32(g);
	p->sessions_max = get_u32(g);
	p->sessions_per_account = get_u32(g);
	p->body_max = get_u64(g);
	p->shutdown_ms = get_u32(g);
	p->refuse = get_bool(g);
	return get_end(g);
}

/* --- asking ---------------------------------------------------------------------------------- */

static int say(struct get *g, char *text, size_t size)
{
	struct str lines = get_str(g, IPC_BODY_MAX);

	return get_end(g) == -1 ? -1 : str_copy(str_take(lines, size - 1), text, size);
}

/* The next answer: 1, 0 = no more, -1 = malformed, or it takes too long. */
static int next_answer(int fd, time_t deadline, struct ipc_msg *m)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec > deadline ||
	    poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, PLAN_SECONDS * 1000) != 1)
		return -1;
	return ipc_recv(fd, m, space);
}

static int take_answers(
    int fd, int (*take)(void *arg, struct ipc_msg *m), void *arg, char *text, size_t size)
{
	struct timespec began;
	struct ipc_msg m;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &began);
	while ((r = next_answer(fd, began.tv_sec + PLAN_SECONDS, &m)) == 1) {
		struct get g = get_start(m.body);

		r = m.type == CONFIG_SAYS ? say(&g, text, size) : take(arg, &m);
		ipc_close_fds(&m);
		if (r == -1)
			break;
	}
	return r;
}

int config_ask(const char *program, const char *file, bool suite,
    int (*take)(void *arg, struct ipc_msg *m), void *arg, char *text, size_t size)
{
	uint8_t space[BOOT_PATH_MAX + 64]; /* the caller may be about to send something else */
	struct put w = put_into(space, sizeof space);
	struct ipc_msg m = { .type = CONFIG_READ };
	int fd, status = 0, r, pid = boot_spawn(program, "config", &fd);

	text[0] = '\0';
	if (pid == -1) {
		snprintf(text, size, "%s: %s\n", program, strerror(errno));
		return -1;
	}
	put_z(&w, file);
	put_u8(&w, suite);
	m.body = put_view(&w);
	r = w.bad || ipc_send(fd, &m) == -1 ? -1 : take_answers(fd, take, arg, text, size);
	close(fd);
	if (r == -1)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (r != -1 && status == 0)
		return 0;
	if (text[0] == '\0')
		snprintf(text, size, "%s failed (%s %d)\n", program,
		    WIFSIGNALED(status) ? "signal" : "status",
		    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return -1;
}
