/*
 * services/lookup: tables, address rewriting, aliases, routing and access rules. smtpd asks
 * whether, the queue asks where. Reads one directory of tables and nothing else; accounts it asks
 * from auth. See thurn-lookup(8).
 */
#include <string.h>

#include "base/log.h"
#include "proto/proc.h"
#include "serve.h"
#include "accounts.h"

static struct policy *policy;

static void warn_stale(struct table *t, void *arg)
{
	(void)arg;
	if (table_stale(t)[0] != '\0')
		log_warning(
		    NULL, EV("table-stale"), KS("table", table_spec(t)), KZ("why", table_stale(t)));
}

static int lookup_open(void)
{
	char why[POLICY_WHY];

	policy = policy_load(proc_conf(), proc_fd("tables"), proc_path("tables"), why);
	if (policy == NULL)
		proc_fatal(
		    "lookup-unusable", str_of(why)); /* the words that a reload is refused with */
	policy_tables(policy, warn_stale, NULL);
	accounts_init((size_t)conf_int(proc_conf(), "account_cache"));
	serve_policy(policy);
	return 0;
}

static void lookup_end(void)
{
	proc_exit(0);
}

static void lookup_drain(void)
{
	serve_drain(lookup_end);
}

static const struct peer_spec peers[] = {
	{ ROLE_SMTPD, .rows = serve_smtpd_rows, .down = serve_peer_down, .asks = true },
	{ ROLE_LOCAL, .rows = serve_smtpd_rows, .down = serve_peer_down, .asks = true },
	{ ROLE_SUBMIT, .rows = serve_submit_rows, .down = serve_peer_down, .asks = true },
	{ ROLE_QUEUE, .rows = serve_queue_rows, .down = serve_peer_down, .asks = true },
	{ ROLE_AUTH, .rows = serve_auth_rows, .up = serve_auth_changed,
	    .down = serve_auth_changed },
	{ ROLE_NONE },
};

int main(void)
{
	static const struct program program = { .role = ROLE_LOOKUP,
		.peers = peers,
		.open = lookup_open,
		.drain = lookup_drain,
		.status = serve_status };

	return proc_main(&program);
}
