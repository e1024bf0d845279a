/* Asking a service of the running suite. See control.h. */
#include "proto/control.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/root_types.h"

int control_open(struct control *c, const char *run, const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct ucred who;
	socklen_t size = sizeof who;
	int n = snprintf(sun.sun_path, sizeof sun.sun_path, "%s/%s", run, name);

	*c = (struct control){ .fd = -1 };
	if (n < 0 || (size_t)n >= sizeof sun.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		return -1;
	if (connect(c->fd, (struct sockaddr *)&sun, sizeof sun) == -1 ||
	    getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == -1) {
		int saved = errno;

		control_close(c);
		errno = saved;
		return -1;
	}
	c->pid = who.pid;
	return 0;
}

void control_close(struct control *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
}

/* 1 = a record, 0 = the end, -1 = malformed. */
static int take(struct ipc_msg *m, void (*record)(void *, struct str, struct ipc_msg *), void *arg,
    struct control_answer *answer)
{
	struct get g = get_start(m->body);
	struct str s;

	if (m->type == CONTROL_RECORD) {
		s = get_str(&g, IPC_BODY_MAX);
		if (get_end(&g) == -1)
			return -1;
		if (record != NULL)
			record(arg, s, m);
		return 1;
	}
	if (m->type != CONTROL_END)
		return -1;
	answer->status = get_u32(&g);
	s = get_str(&g, CONTROL_TEXT_MAX);
	if (get_end(&g) == -1 || str_copy(s, answer->text, sizeof answer->text) == -1)
		return -1;
	return 0;
}

/* Of one that closes without having read what we ask the kernel tells that first, and then what it said. */
static int receive(int fd, struct ipc_msg *m, uint8_t *space)
{
	int r = ipc_recv(fd, m, space);

	if (r == 0)
		r = ipc_recv(fd, m, space);
	if (r == 0)
		errno = ECONNRESET;
	return r;
}

int control_ask(struct control *c, uint16_t type, const struct put *w,
    void (*record)(void *arg, struct str json, struct ipc_msg *m), void *arg,
    struct control_answer *answer)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct ipc_msg m = { .type = type, .id = ++c->asked, .gen = 1 };
	int r;

	*answer = (struct control_answer){ 0 };
	if (w->bad) {
		errno = EMSGSIZE;
		return -1;
	}
	m.body = put_view(w);
	/* who does not want us has said so, and is gone (callers_refuse) */
	if (ipc_send(c->fd, &m) == -1 && errno != EPIPE && errno != ECONNRESET)
		return -1;
	do {
		r = receive(c->fd, &m, space);
		if (r != 1)
			return -1;
		r = m.id == c->asked ? take(&m, record, arg, answer) : -1;
		ipc_close_fds(&m);
	} while (r == 1);
	if (r == -1)
		errno = EBADMSG;
	return r;
}
