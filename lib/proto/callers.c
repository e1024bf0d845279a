/* Tools at a control socket. See callers.h. */
#include "proto/callers.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "proto/proc.h"
#include "proto/types.h"

enum { CALLERS_MAX = 8 };

static LIST_HEAD(, caller) callers = LIST_HEAD_INITIALIZER(callers);
static unsigned ncallers;
static struct watch accept_watch;
static uid_t own_uid; /* of whoever started the suite, or nobody else's */
static const struct chan_row *handlers;

static void caller_down(struct chan *c)
{
	struct caller *caller = (struct caller *)c;

	LIST_REMOVE(caller, next);
	ncallers--;
	free(caller);
}

void callers_refuse(int *fd, enum caller_refusal why)
{
	static const struct {
		uint32_t status;
		const char *text;
	} refusals[] = {
		[CALLER_FOREIGN] = { EX_NOPERM, "Only the owner of the mail system may do this" },
		[CALLER_ONE_TOO_MANY] = { EX_TEMPFAIL, "Too many ask at once, try again" },
	};
	struct ipc_msg m = { .type = CONTROL_END, .flags = IPC_REPLY, .id = 1, .gen = 1 };
	struct put w = put_start();

	put_u32(&w, refusals[why].status);
	put_z(&w, refusals[why].text);
	m.body = put_view(&w);
	(void)ipc_send(*fd, &m); /* whom it does not reach is turned away all the same */
	close(*fd);
	*fd = -1;
}

static void on_connection(void *arg, unsigned what)
{
	int fd = accept4(*(int *)arg, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred who;
	socklen_t size = sizeof who;
	struct caller *c;

	(void)what;
	if (fd == -1)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == -1 ||
	    (who.uid != 0 && who.uid != own_uid)) {
		callers_refuse(&fd, CALLER_FOREIGN);
		return;
	}
	if (ncallers == CALLERS_MAX) {
		callers_refuse(&fd, CALLER_ONE_TOO_MANY);
		return;
	}
	c = xcalloc(1, sizeof *c);
	LIST_INSERT_HEAD(&callers, c, next);
	ncallers++;
	c->chan.role = ROLE_TOOL;
	chan_init(&c->chan, &fd, handlers, caller_down);
}

void callers_prepare(void)
{
	own_uid = geteuid();
}

void callers_start(const char *socket, const struct chan_row *rows)
{
	static int listener;

	handlers = rows;
	listener = proc_fd(socket);
	watch_set(&accept_watch, listener, WATCH_READ, on_connection, &listener);
}

struct caller *callers_next(struct caller *c)
{
	return c != NULL ? LIST_NEXT(c, next) : LIST_FIRST(&callers);
}

void caller_record(struct chan *c, struct chan_ref ref, struct str json)
{
	struct put w = put_start();

	put_str(&w, json);
	chan_answer_part(c, ref, CONTROL_RECORD, &w);
}

void caller_end(struct chan *c, struct chan_ref ref, uint32_t status, const char *text)
{
	struct put w = put_start();

	put_u32(&w, status);
	put_z(&w, text);
	chan_answer(c, ref, CONTROL_END, &w, NULL, 0);
}
