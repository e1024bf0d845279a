/*
 * smtpd: receives mail by SMTP and LMTP, on port 25 and elsewhere (ROLE_SMTPD, several workers on
 * the same sockets), from authenticated users (ROLE_SUBMIT, workers of their own), and from this
 * host's users at a Unix socket (ROLE_LOCAL, one process). It opens no file and makes no
 * connection; what it may accept, lookup says, and what it accepted, the queue has.
 */
#include <signal.h>

#include "accept.h"
#include "bodies.h"
#include "clients.h"
#include "login.h"
#include "peers.h"
#include "proto/proc.h"
#include "proto/secure.h"
#include "proto/types.h"
#include "session.h"
#include "settings.h"

static bool draining;

static void queue_down(struct chan *c)
{
	peer_down(c);
	if (peer(ROLE_QUEUE) == NULL)
		body_queue_down();
}

static const struct chan_row queue_rows[] = {
	{ QUEUE_STOCK, IPC_FDS_MAX, body_on_stock },
	{ .type = 0 },
};

static const struct chan_row sasl_rows[] = {
	{ SASL_MECHANISMS, 0, login_on_mechanisms },
	{ .type = 0 },
};

static const struct chan_row no_rows[] = { { .type = 0 } };

static const struct peer_spec peers[] = {
	{ ROLE_LOOKUP, .rows = no_rows, .up = peer_up, .down = peer_down, .one = true },
	{ ROLE_QUEUE, .rows = queue_rows, .up = peer_up, .down = queue_down },
	{ ROLE_RESOLVER, .rows = no_rows, .up = peer_up, .down = peer_down },
	{ ROLE_SASL, .rows = sasl_rows, .up = peer_up, .down = peer_down, .one = true },
	{ ROLE_KEYS, .rows = secure_rows, .up = secure_up },
	{ .role = ROLE_NONE },
};

static int open_all(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	settings_read(proc_conf());
	secure_open();
	accept_open();
	return 0;
}

/* The first client hears of STARTTLS, too. */
static void keys_known(void)
{
	if (!draining)
		accept_start();
	secure_on_change(NULL);
}

static int start(void)
{
	if (accept_needs_keys())
		secure_on_change(keys_known);
	else
		accept_start();
	return 0;
}

static void last_gone(void)
{
	proc_exit(0);
}

static void end_sessions(void *arg)
{
	(void)arg;
	session_drain();
}

/* Who is connected notices nothing; a worker that has been replaced is not for ever, though. */
static void retire(void)
{
	static struct timer patience;

	accept_stop();
	session_on_last(last_gone);
	timer_set(&patience, settings()->command_time, end_sessions, NULL);
}

static void drain(void)
{
	draining = true;
	accept_stop();
	session_on_last(last_gone);
	session_drain();
}

static void status(struct buf *out)
{
	buf_printf(out, "sessions %u\nclients %u\nbody_room %llu\n", session_count(),
	    clients_known(), (unsigned long long)body_room());
}

int main(void)
{
	static const struct program smtpd = {
		.role = ROLE_SMTPD,
		.also = ROLE_BIT(ROLE_LOCAL) | ROLE_BIT(ROLE_SUBMIT),
		.peers = peers,
		.open = open_all,
		.start = start,
		.retire = retire,
		.drain = drain,
		.status = status,
	};

	return proc_main(&smtpd);
}
