/* The control socket of master. See control.h. */
#include "control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "child.h"
#include "listen.h"
#include "proto/boot.h"
#include "proto/control.h"
#include "proto/root_types.h"
#include "reload.h"

enum { RECORD_MAX = 8192 };

struct client clients[CLIENTS_MAX];

void control_init(void)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		clients[i].fd = -1;
}

static void client_close(struct client *c)
{
	close(c->fd);
	*c = (struct client){ .fd = -1 };
}

void control_accept(struct suite *s)
{
	struct ucred who;
	socklen_t size = sizeof who;
	struct client *free_one = NULL;
	int fd = accept4(s->control_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd == -1)
		return;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (clients[i].fd == -1)
			free_one = &clients[i];
	if (free_one == NULL || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == -1 ||
	    (who.uid != 0 && who.uid != geteuid())) {
		close(fd);
		return;
	}
	free_one->fd = fd;
}

static void answer(struct client *c, uint16_t type, const struct put *w, int fd)
{
	struct ipc_msg m = { .type = type, .flags = IPC_REPLY, .id = c->id, .gen = c->gen };

	m.body = put_view(w);
	m.fds[0] = fd;
	m.nfds = fd == -1 ? 0 : 1;
	if (!w->bad && ipc_send(c->fd, &m) == -1)
		client_close(c);
}

static void answer_end(struct client *c, int status, const char *text)
{
	struct put w = put_start();

	put_u32(&w, (uint32_t)status);
	put_str(&w, str_take(str_of(text), CONTROL_TEXT_MAX));
	answer(c, CONTROL_END, &w, -1);
}

/* --- status ----------------------------------------------------------------------------------- */

/* A record of the answer: fields with tabs between them; see proto/control.h. */
static void record(struct client *c, int fd, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void record(struct client *c, int fd, const char *fmt, ...)
{
	char text[RECORD_MAX];
	struct put w = put_start();
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	put_z(&w, text);
	if (c->fd != -1)
		answer(c, CONTROL_RECORD, &w, fd);
}

/* Everybody is given an end of one channel and says there what it counts: nothing of it passes
 * here. */
static void ask_everybody(struct suite *s, struct client *to)
{
	struct child *c;
	int pair[2];

	if (ipc_pair(pair) == -1)
		return;
	TAILQ_FOREACH (c, &s->children, next)
		if (c->state == CHILD_READY || c->state == CHILD_RETIRED)
			boot_status(c->control, pair[1]);
	record(to, pair[0], "counts");
	close(pair[0]);
	close(pair[1]);
}

static void cmd_status(struct suite *s, struct client *to)
{
	const char *state = s->stopping ? "stopping" : s->ready ? "ready" : "starting";
	struct listening *l;
	struct child *c;

	record(to, -1, "suite\t%d\t%s\t%u\t%u\t%s", getpid(), state, s->generation, s->replaced,
	    s->conf_path);
	TAILQ_FOREACH (c, &s->children, next)
		record(to, -1, "process\t%s\t%u\t%d\t%s\t%llu\t%u\t%u\t%d\t%u",
		    role_name(c->row->role), c->instance, c->pid, child_state_name(c->state),
		    (unsigned long long)(c->state == CHILD_WAITING ? 0 : now_ms() - c->since),
		    c->restarts, c->generation, s->root && c->row->root_kept, c->layers);
	TAILQ_FOREACH (l, &s->listenings, next)
		record(to, -1, "listener\t%u\t%s\t%s", l->plan.port, l->plan.name, l->plan.title);
	ask_everybody(s, to);
	if (to->fd != -1)
		answer_end(to, 0, "");
}

/* --- commands --------------------------------------------------------------------------------- */

static void cmd_stop(struct suite *s, struct client *to)
{
	s->stopping = true;
	answer_end(to, 0, "stopping");
}

static void cmd_reload(struct suite *s, struct client *to)
{
	to->wants_reload = true;
	reload_begin(s);
}

static const struct {
	uint16_t type;
	void (*fn)(struct suite *, struct client *);
} commands[] = {
	{ CONTROL_STATUS, cmd_status },
	{ CONTROL_STOP, cmd_stop },
	{ CONTROL_RELOAD, cmd_reload },
};

void control_read(struct suite *s, struct client *c)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct ipc_msg m;
	int r = ipc_recv(c->fd, &m, space);

	if (r == -1 && errno == EAGAIN)
		return;
	if (r != 1) {
		client_close(c);
		return;
	}
	ipc_close_fds(&m);
	c->id = m.id;
	c->gen = m.gen;
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (commands[i].type == m.type) {
			commands[i].fn(s, c);
			return;
		}
	client_close(c);
}

void control_reloaded(int status, const char *text)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (clients[i].fd != -1 && clients[i].wants_reload) {
			clients[i].wants_reload = false;
			answer_end(&clients[i], status, text);
		}
}
