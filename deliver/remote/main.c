/*
 * deliver-remote: takes jobs from the queue and hands messages to other hosts by SMTP or LMTP. It
 * opens no file: message bodies come as descriptors from the queue, and the trust anchors for TLS
 * are read before confinement.
 */
#include "base/log.h"
#include "base/loop.h"
#include "choice.h"
#include "lately.h"
#include "explain.h"
#include "hop.h"
#include "job.h"
#include "nexthop.h"
#include "own.h"
#include "quirks.h"
#include "reaction.h"
#include "proto/proc.h"
#include "proto/secure.h"
#include "proto/types.h"
#include "sasl.h"
#include "session.h"
#include "settings.h"
#include "starttls.h"
#include "unixdial.h"

enum { DRAIN_POLL_MS = 50 };

static bool draining;
static struct timer drain_timer;

static int configure(void)
{
	settings_read(proc_conf());
	lately_start(LATELY_DEAD, settings()->dead);
	choice_start(settings()->dead);
	lately_start(LATELY_NO_TLS, settings()->plain);
	if (own_configure(proc_conf()) == -1) {
		log_error(NULL, EV("remote-bad-own-address"));
		return -1;
	}
	quirks_start(conf_time(proc_conf(), "remote_quirk_time") > 0);
	reaction_configure(proc_conf());
	return nexthop_configure(proc_conf());
}

static int remote_open(void)
{
	own_look();
	own_look_for_sources(proc_conf());
	starttls_open(proc_conf());
	if (sasl_open() == -1)
		log_error(NULL, EV("remote-no-sasl"));
	return configure();
}

static void remote_reload(void)
{
	/* what cannot be read keeps the hosts that were known */
	configure();
}

/* Never in the middle of a message whose answer is outstanding: it would be sent twice. */
static void exit_when_idle(void *arg)
{
	if (job_count() == 0)
		proc_exit(0);
	timer_set(&drain_timer, DRAIN_POLL_MS, exit_when_idle, arg);
}

static void remote_drain(void)
{
	draining = true;
	hop_close_idle();
	timer_set(&drain_timer, DRAIN_POLL_MS, exit_when_idle, NULL);
}

static void remote_status(struct buf *out)
{
	const struct job_counts *n = job_counts();
	const struct session_counts *s = session_counts();

	buf_printf(out,
	    "connections %u\nrunning %u\njobs %llu\nsent %llu\ndeferred %llu\nfailed %llu\n"
	    "connected %llu\nreused %llu\ntls %llu\ntls_resumed %llu\npackets %llu\n",
	    hop_connections(), job_count(), (unsigned long long)n->jobs,
	    (unsigned long long)n->sent, (unsigned long long)n->deferred,
	    (unsigned long long)n->failed, (unsigned long long)s->made,
	    (unsigned long long)s->reused, (unsigned long long)s->tls,
	    (unsigned long long)s->resumed, (unsigned long long)chan_packets());
}

/* Jobs that come while draining are let fall: the queue takes them for not begun when we exit. */
static int on_job(struct chan *c, struct ipc_msg *m)
{
	return draining ? 0 : job_receive(c, m);
}

static void queue_down(struct chan *c)
{
	job_orphan(c);
	explain_forget(c);
	quirks_forget();
}

static const struct chan_row queue_rows[] = {
	{ DELIVER_JOB, 1, on_job },
	{ DELIVER_HOP, 0, explain_hop },
	{ DELIVER_REPLY, 0, reaction_explain },
	{ DELIVER_QUIRK, 0, quirks_on_told },
	{ 0 },
};

static const struct chan_row no_rows[] = { { 0 } };

static const struct peer_spec peers[] = {
	{ .role = ROLE_QUEUE, .rows = queue_rows, .down = queue_down, .asks = true },
	{ .role = ROLE_RESOLVER, .rows = no_rows, .one = true },
	{ .role = ROLE_POLICY, .rows = no_rows, .one = true },
	{ .role = ROLE_CREDENTIALS, .rows = no_rows, .one = true },
	{ .role = ROLE_KEYS, .rows = secure_rows, .up = secure_up },
	{ 0 },
};

int main(void)
{
	static const struct program program = {
		.role = ROLE_REMOTE,
		.peers = peers,
		.open = remote_open,
		.reload = remote_reload,
		.connected = unixdial_connected,
		.drain = remote_drain,
		.status = remote_status,
	};

	return proc_main(&program);
}
