/* The control socket: `thurn user` and its like. Only root and whoever started the suite may use
 * it. */
#include "control.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "attempt.h"
#include "base/alloc.h"
#include "proto/callers.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "service.h"

enum { CLIENTS_MAX = 16 };

static LIST_HEAD(, client) clients = LIST_HEAD_INITIALIZER(clients);
static unsigned nclients;
static struct watch accept_watch;

/* --- clients --------------------------------------------------------------------------------- */

void client_hold(struct client *c)
{
	c->holds++;
}

void client_release(struct client *c)
{
	if (--c->holds == 0 && c->chan.fd == -1)
		free(c);
}

static void client_down(struct chan *chan)
{
	struct client *c = (struct client *)chan;

	attempt_asker_down(chan);
	LIST_REMOVE(c, next);
	nclients--;
	client_hold(c);
	client_release(c);
}

void client_record(struct client *c, struct chan_ref ref, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);
	struct put w = put_start();

	put_z(&w, text);
	chan_answer(&c->chan, ref, CONTROL_RECORD, &w, NULL, 0);
	explicit_bzero(w.p, w.n);
	free(text);
	json_decref(o);
}

void client_end(struct client *c, struct chan_ref ref, uint32_t status, const char *text)
{
	caller_end(&c->chan, ref, status, text);
}

int client_refuse(struct chan *c, const struct ipc_msg *m, uint32_t status, const char *text)
{
	client_end((struct client *)c, (struct chan_ref){ m->id, m->gen }, status, text);
	return 0;
}

static const struct chan_row rows[] = {
	{ AUTH_CTL_ADD, 0, ctl_change },
	{ AUTH_CTL_PASSWD, 0, ctl_change },
	{ AUTH_CTL_SET, 0, ctl_change },
	{ AUTH_CTL_DELETE, 0, ctl_change },
	{ AUTH_CTL_UNDELETE, 0, ctl_change },
	{ AUTH_CTL_APP_ADD, 0, ctl_change },
	{ AUTH_CTL_APP_DELETE, 0, ctl_change },
	{ AUTH_CTL_DOMAIN, 0, ctl_change },
	{ AUTH_CTL_ALIAS, 0, ctl_change },
	{ AUTH_CTL_UNDO, 0, ctl_change },
	{ AUTH_CTL_ADDRESS, 0, ctl_address },
	{ AUTH_CTL_LIST, 0, ctl_list },
	{ AUTH_CTL_TEST, 0, on_auth_check },
	{ 0 },
};

/* --- the socket ------------------------------------------------------------------------------ */

static void on_connection(void *arg, unsigned what)
{
	int *listener = arg, fd = accept4(*listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t n = sizeof peer;
	struct client *c;

	(void)what;
	if (fd == -1)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == -1 || nclients >= CLIENTS_MAX ||
	    (peer.uid != 0 && peer.uid != auth_settings()->admin)) {
		log_warning(NULL, EV("control-refused"), KI("uid", peer.uid), KI("pid", peer.pid));
		callers_refuse(&fd, nclients >= CLIENTS_MAX ? CALLER_ONE_TOO_MANY : CALLER_FOREIGN);
		return;
	}
	c = xcalloc(1, sizeof *c);
	c->by = (struct change_by){ peer.uid, (uint32_t)peer.pid };
	c->chan.role = ROLE_TOOL;
	LIST_INSERT_HEAD(&clients, c, next);
	nclients++;
	chan_init(&c->chan, &fd, rows, client_down);
}

void control_start(int listener)
{
	static int fd;

	fd = listener;
	watch_set(&accept_watch, fd, WATCH_READ, on_connection, &fd);
}

void control_drain(void (*idle)(void))
{
	watch_clear(&accept_watch);
	changes_drain(idle);
}
