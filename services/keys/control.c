/* The control socket. See control.h. */
#include "proto/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "control.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "store.h"

enum { CLIENTS_MAX = 8, RECORD_MAX = 4096 };

struct client {
	struct chan chan; /* first */
	struct chan_ref ref;
	bool waits; /* for the end of a look */
	LIST_ENTRY(client) next;
};

static LIST_HEAD(, client) clients = LIST_HEAD_INITIALIZER(clients);
static unsigned nclients;
static struct watch accept_watch;
static uid_t own_uid; /* of whoever started the suite, or nobody else's */

static void client_down(struct chan *c)
{
	struct client *client = (struct client *)c;

	LIST_REMOVE(client, next);
	nclients--;
	free(client);
}

/* All certificates, and whether each is the one in its files. */
static void describe_all(struct client *c, struct chan_ref ref)
{
	struct buf b;
	struct put w;
	unsigned faults = 0;

	buf_init(&b, RECORD_MAX);
	for (size_t i = 0; i < store_count(); i++) {
		const struct slot *s = store_slot(i);

		buf_reset(&b);
		store_describe(s, (int64_t)time(NULL), &b);
		w = put_start();
		put_str(&w, buf_view(&b));
		chan_answer_part(&c->chan, ref, CONTROL_RECORD, &w);
		faults += s->why[0] != '\0';
	}
	buf_clear(&b);
	w = put_start();
	put_u32(&w, faults == 0 ? EX_OK : EX_DATAERR);
	put_z(&w, faults == 0 ? "" : "not every certificate could be taken");
	chan_answer(&c->chan, ref, CONTROL_END, &w, NULL, 0);
}

static int on_status(struct chan *c, struct ipc_msg *m)
{
	describe_all((struct client *)c, (struct chan_ref){ m->id, m->gen });
	return 0;
}

static int on_reload(struct chan *c, struct ipc_msg *m)
{
	struct client *client = (struct client *)c;

	if (client->waits)
		return -1;
	client->waits = true;
	client->ref = (struct chan_ref){ m->id, m->gen };
	proc_ask_files();
	return 0;
}

void control_looked(void)
{
	struct client *c;

	LIST_FOREACH (c, &clients, next)
		if (c->waits) {
			c->waits = false;
			describe_all(c, c->ref);
		}
}

static const struct chan_row rows[] = {
	{ KEYS_CTL_STATUS, 0, on_status },
	{ KEYS_CTL_RELOAD, 0, on_reload },
	{ 0 },
};

static void on_connection(void *arg, unsigned what)
{
	int fd = accept4(proc_fd("socket.keys"), NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred who;
	socklen_t size = sizeof who;
	struct client *c;

	(void)arg;
	(void)what;
	if (fd == -1)
		return;
	if (nclients == CLIENTS_MAX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == -1 ||
	    (who.uid != 0 && who.uid != own_uid)) {
		close(fd);
		return;
	}
	c = xcalloc(1, sizeof *c);
	LIST_INSERT_HEAD(&clients, c, next);
	nclients++;
	c->chan.role = ROLE_TOOL;
	chan_init(&c->chan, &fd, rows, client_down);
}

void control_prepare(void)
{
	own_uid = geteuid();
}

void control_start(void)
{
	watch_set(&accept_watch, proc_fd("socket.keys"), WATCH_READ, on_connection, NULL);
}
