/*
 * services/policy: what other domains publish of how they want their mail sent (MTA-STS), and what was
 * counted of how that went, to be reported to them; both kept over restarts. It has files and no
 * network: DNS is asked by services/resolver, HTTPS spoken by services/fetch. See thurn-policy(8).
 */
#include "base/log.h"
#include "cache.h"
#include "control.h"
#include "discover.h"
#include "proto/callers.h"
#include "proto/proc.h"
#include "outbox.h"
#include "serve.h"
#include "sign.h"
#include "store.h"
#include "tallies.h"

static struct store *open_store(const char *file)
{
	char why[256];
	struct store *s = store_open(proc_path("policies"), proc_fd("policies"), file, why);

	if (s == NULL)
		proc_fatal("policy-unusable", str_of(why));
	return s;
}

static int policy_open(void)
{
	char why[256];

	callers_prepare();
	if (store_lock(proc_path("policies"), proc_fd("policies"), why) == -1)
		proc_fatal("policy-unusable", str_of(why));
	cache_open(open_store("data.mdb"));
	outbox_configure();
	tallies_open(open_store("reports.mdb"), outbox_add);
	serve_open();
	sign_open();
	return 0;
}

static int policy_start(void)
{
	control_start();
	discover_start();
	tallies_start();
	outbox_start();
	return 0;
}

static void drained(void)
{
	proc_exit(0);
}

static void policy_drain(void)
{
	tallies_write();
	outbox_drain(drained);
}

static void policy_status(struct buf *out)
{
	discover_status(out);
	tallies_status(out);
	outbox_status(out);
}

static void asker_down(struct chan *c)
{
	discover_forget(c);
}

static const struct chan_row no_rows[] = { { 0 } };

static const struct peer_spec peers[] = {
	{ ROLE_REMOTE, .rows = serve_rows, .down = asker_down },
	{ ROLE_RESOLVER, .rows = no_rows, .one = true },
	{ ROLE_FETCH, .rows = no_rows, .one = true },
	{ ROLE_QUEUE, .rows = no_rows, .one = true },
	{ ROLE_KEYS, .rows = sign_rows, .one = true },
	{ ROLE_NONE },
};

int main(void)
{
	static const struct program program = { .role = ROLE_POLICY,
		.peers = peers,
		.open = policy_open,
		.start = policy_start,
		.reload = outbox_configure,
		.drain = policy_drain,
		.status = policy_status };

	return proc_main(&program);
}
