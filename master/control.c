/* The control socket of master. See control.h. */
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "child.h"
#include "listen.h"
#include "proto/control.h"
#include "proto/types.h"
#include "reload.h"

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

static void answer(struct client *c, uint16_t type, const struct put *w)
{
	struct ipc_msg m = { .type = type, .flags = IPC_REPLY, .id = c->id, .gen = c->gen };

	m.body = put_view(w);
	if (!w->bad && ipc_send(c->fd, &m) == -1)
		client_close(c);
}

static void answer_end(struct client *c, int status, const char *text)
{
	struct put w = put_start();

	put_u32(&w, (uint32_t)status);
	put_str(&w, str_take(str_of(text), CONTROL_TEXT_MAX));
	answer(c, CONTROL_END, &w);
}

static void record(struct client *c, struct buf *b)
{
	struct put w = put_start();

	put_str(&w, buf_view(b));
	if (c->fd != -1)
		answer(c, CONTROL_RECORD, &w);
	buf_reset(b);
}

/* A string of ours or of the configuration: names, paths. */
static void json_string(struct buf *b, struct str s)
{
	buf_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char ch = (unsigned char)s.p[i];

		if (ch < ' ' || ch == '"' || ch == '\\')
			buf_printf(b, "\\u%04x", ch);
		else
			buf_char(b, (char)ch);
	}
	buf_char(b, '"');
}

static void record_child(
    struct client *to, const struct suite *s, const struct child *c, struct buf *b)
{
	const char *sep = "";

	buf_printf(b, "{\"process\":\"%s\",\"instance\":%u,\"pid\":%d,\"state\":\"%s\",",
	    role_name(c->row->role), c->instance, c->pid, child_state_name(c->state));
	buf_printf(b,
	    "\"uptime_ms\":%llu,\"restarts\":%u,\"generation\":%u,\"root\":%s,\"layers\":[",
	    (unsigned long long)(c->state == CHILD_WAITING ? 0 : now_ms() - c->since), c->restarts,
	    c->generation, s->root && c->row->root_kept ? "true" : "false");
	for (unsigned i = 0; i < LAYERS; i++)
		if ((c->layers & 1u << i) != 0) {
			buf_printf(b, "%s\"%s\"", sep, sandbox_layer_names[i]);
			sep = ",";
		}
	buf_z(b, "]}");
	record(to, b);
}

static void cmd_status(struct suite *s, struct client *to)
{
	struct listening *l;
	struct child *c;
	struct buf b;

	buf_init(&b, IPC_BODY_MAX / 2);
	buf_printf(&b,
	    "{\"process\":\"master\",\"pid\":%d,\"state\":\"%s\",\"generation\":%u,\"conf\":",
	    getpid(),
	    s->stopping ? "stopping"
	    : s->ready  ? "ready"
			: "starting",
	    s->generation);
	json_string(&b, str_of(s->conf_path));
	buf_char(&b, '}');
	record(to, &b);
	TAILQ_FOREACH (c, &s->children, next)
		record_child(to, s, c, &b);
	TAILQ_FOREACH (l, &s->listenings, next) {
		buf_z(&b, "{\"listener\":");
		json_string(&b, str_of(l->plan.title));
		buf_z(&b, ",\"socket\":");
		json_string(&b, str_of(l->plan.name));
		buf_printf(&b, ",\"port\":%u}", l->plan.port);
		record(to, &b);
	}
	buf_clear(&b);
	if (to->fd != -1)
		answer_end(to, 0, "");
}

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
