/*
 * A connection whose login is good gets its session: spawn is given a descriptor, and the session
 * talks to the client by itself, or through relay.c under TLS.
 */
#include "client.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "proto/proc.h"
#include "proto/types.h"

enum { HANDOVER_DEADLINE = 30 * 1000 };

static void close_session_end(struct client *c)
{
	if (c->session_end != -1)
		close(c->session_end);
	c->session_end = -1;
}

void handover_clear(struct client *c)
{
	close_session_end(c);
	if (c->inner != -1)
		close(c->inner);
	c->inner = -1;
}

static void forget(void *arg)
{
	client_free(arg);
}

/*
 * The session has its own descriptor of the connection. Ours is closed only when the event loop has
 * told the kernel to stop watching: closing alone would not end that, and the events of someone
 * else's connection would come here.
 */
static void leave_to_session(struct client *c)
{
	c->state = CLIENT_LEAVING;
	watch_clear(&c->conn.watch);
	timer_set(&c->delay, 0, forget, c);
}

/* The client's bytes go through here; `inner` is our end of the pair. */
static void relay_to_session(struct client *c)
{
	c->state = CLIENT_RELAYED;
	buf_clear_secret(&c->conn.in); /* went with the grant */
	c->relay = xcalloc(1, sizeof *c->relay);
	relay_begin(c->relay, &c->conn, &c->inner, forget, c);
}

static void on_handed(struct ask *a, struct ipc_msg *m)
{
	struct client *c = a->arg;
	struct status st = { 0 };

	if (m != NULL) {
		struct get g = get_start(m->body);

		get_status(&g, &st);
		if (get_end(&g) == -1)
			st.code = 0;
	}
	close_session_end(c);
	if (status_good(&st)) {
		waiting_end(&c->waiting);
		if (conn_tls(&c->conn) == NULL)
			leave_to_session(c);
		else
			relay_to_session(c);
		return;
	}
	handover_clear(c);
	log_warning(
	    &c->trace, EV("imap-session-refused"), KZ("why", m == NULL ? "no answer" : st.text));
	client_resume(c, st.code == 452 ? "NO [LIMIT] Too many sessions"
					: "NO [UNAVAILABLE] The mailbox cannot be opened now");
}

/* What the session is to have: the connection, or one end of a pair. -1 with errno. */
static int for_session(struct client *c)
{
	int pair[2];

	if (conn_tls(&c->conn) == NULL)
		return c->conn.fd;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == -1)
		return -1;
	c->inner = pair[0];
	c->session_end = pair[1];
	return pair[1];
}

void handover_begin(struct client *c)
{
	int fd = for_session(c);
	struct put w = put_start();
	struct handover h = { .trace = c->trace.trace,
		.tag = str_of(c->tag),
		.input = buf_view(&c->conn.in),
		.secure = c->private };

	if (fd == -1) {
		log_warning(&c->trace, EV("imap-session-refused"), KERRNO);
		client_resume(c, "NO [UNAVAILABLE] The mailbox cannot be opened now");
		return;
	}
	h.client = str_of(c->address);
	memcpy(h.nonce, c->nonce, sizeof h.nonce);
	put_handover(&w, &h);
	chan_ask(proc_peer(ROLE_SPAWN), &c->ask, SPAWN_HANDOVER, &w, &fd, 1, HANDOVER_DEADLINE,
	    on_handed, c);
}
