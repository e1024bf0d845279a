/*
 * services/notify: carries deliveries and changes of mailboxes to the sessions of that account.
 * Which session belongs to which account is said by spawn alone. Keeps nothing: after a restart
 * spawn gives every session a new channel. See thurn-notify(8).
 */
#include <unistd.h>

#include "base/log.h"
#include "proto/auth.h"
#include "proto/notify.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "sessions.h"

static int on_delivered(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct str home = get_line(&g, HOME_MAX), folder = get_line(&g, FOLDER_MAX);

	(void)c;
	if (get_end(&g) == -1)
		return -1;
	sessions_tell(home, folder);
	return 0;
}

static int on_new_session(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct str address = get_line(&g, LOGIN_MAX), home = get_line(&g, HOME_MAX);
	uint32_t pid = get_u32(&g);
	struct tag tag = { .trace = get_u64(&g) };
	int fd;

	(void)c;
	if (get_end(&g) == -1 || m->nfds != 1)
		return -1;
	fd = ipc_take_fd(m, 0);
	log_debug(&tag, EV("session-listens"), KS("login", address), KI("pid", pid));
	session_add(&fd, home, tag.trace);
	return 0;
}

/* There is nothing to set; but a reload must not cost the sessions their channels. */
static void notify_reload(void)
{
}

static void notify_status(struct buf *out)
{
	buf_printf(out, "sessions %u\n", sessions_count());
}

static const struct chan_row maildir_rows[] = { { NOTIFY_DELIVERED, 0, on_delivered }, { 0 } };
static const struct chan_row spawn_rows[] = { { NOTIFY_SESSION, 1, on_new_session }, { 0 } };

static const struct peer_spec peers[] = {
	{ ROLE_MAILDIR, .rows = maildir_rows },
	{ ROLE_SPAWN, .rows = spawn_rows },
	{ ROLE_NONE },
};

int main(void)
{
	static const struct program program = { .role = ROLE_NOTIFY,
		.peers = peers,
		.reload = notify_reload,
		.status = notify_status };

	return proc_main(&program);
}
