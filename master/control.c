/* The control socket of master. See control.h. */
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "child.h"
#include "listen.h"
#include "proto/control.h"
#include "proto/root_types.h"
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

/* --- status ----------------------------------------------------------------------------------- */

/* One JSON object being written. */
static struct record {
	FILE *to;
	char *text;
	size_t n;
} rec;

static void record_begin(void)
{
	rec.to = open_memstream(&rec.text, &rec.n);
	if (rec.to == NULL)
		abort(); /* out of memory */
}

static void record_send(struct client *c)
{
	struct put w = put_start();

	fclose(rec.to);
	put_str(&w, str_bytes(rec.text, rec.n));
	if (c->fd != -1)
		answer(c, CONTROL_RECORD, &w);
	free(rec.text);
}

/* A string of ours or of the configuration: names, paths. */
static void record_string(const char *key, const char *z)
{
	fprintf(rec.to, "\"%s\":\"", key);
	for (; *z != '\0'; z++)
		fprintf(rec.to, *z < ' ' || *z == '"' || *z == '\\' ? "\\u%04x" : "%c",
		    (unsigned char)*z);
	fputc('"', rec.to);
}

static void record_child(struct client *to, const struct suite *s, const struct child *c)
{
	const char *sep = "";

	record_begin();
	fprintf(rec.to, "{\"process\":\"%s\",\"instance\":%u,\"pid\":%d,\"state\":\"%s\",",
	    role_name(c->row->role), c->instance, c->pid, child_state_name(c->state));
	fprintf(rec.to,
	    "\"uptime_ms\":%llu,\"restarts\":%u,\"generation\":%u,\"root\":%s,\"layers\":[",
	    (unsigned long long)(c->state == CHILD_WAITING ? 0 : now_ms() - c->since), c->restarts,
	    c->generation, s->root && c->row->root_kept ? "true" : "false");
	for (unsigned i = 0; i < LAYERS; i++)
		if ((c->layers & 1u << i) != 0) {
			fprintf(rec.to, "%s\"%s\"", sep, sandbox_layer_names[i]);
			sep = ",";
		}
	fputs("]}", rec.to);
	record_send(to);
}

static void cmd_status(struct suite *s, struct client *to)
{
	const char *state = s->stopping ? "stopping" : s->ready ? "ready" : "starting";
	struct listening *l;
	struct child *c;

	record_begin();
	fprintf(rec.to, "{\"process\":\"master\",\"pid\":%d,\"state\":\"%s\",\"generation\":%u,",
	    getpid(), state, s->generation);
	record_string("conf", s->conf_path);
	fputc('}', rec.to);
	record_send(to);
	TAILQ_FOREACH (c, &s->children, next)
		record_child(to, s, c);
	TAILQ_FOREACH (l, &s->listenings, next) {
		record_begin();
		fputc('{', rec.to);
		record_string("listener", l->plan.title);
		fputc(',', rec.to);
		record_string("socket", l->plan.name);
		fprintf(rec.to, ",\"port\":%u}", l->plan.port);
		record_send(to);
	}
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
