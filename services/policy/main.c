/*
 * services/policy: what other domains publish of how they want their mail sent (MTA-STS), kept over
 * restarts. It has files and no network: DNS is asked by services/resolver, HTTPS spoken by
 * services/fetch. See policy(8).
 */
#include "base/log.h"
#include "cache.h"
#include "control.h"
#include "discover.h"
#include "proto/callers.h"
#include "proto/proc.h"
#include "serve.h"
#include "store.h"

static int policy_open(void)
{
	char why[256];

	callers_prepare();
	if (store_open(proc_path("policies"), proc_fd("policies"), why) == -1)
		proc_fatal("policy-unusable", str_of(why));
	cache_open();
	serve_open();
	return 0;
}

static int policy_start(void)
{
	control_start();
	discover_start();
	return 0;
}

/* There is no setting of its own. */
static void policy_reload(void)
{
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
	{ ROLE_NONE },
};

int main(void)
{
	static const struct program program = { .role = ROLE_POLICY,
		.peers = peers,
		.open = policy_open,
		.start = policy_start,
		.reload = policy_reload,
		.status = discover_status };

	return proc_main(&program);
}
