/*
 * services/resolver: DNS for the whole suite, validated and cached. It has the network's DNS ports
 * and nothing else: no file, no socket of another program. What it says is believed to be DNS,
 * never to be true. See thurn-resolver(8).
 */
#include "base/id.h"
#include "base/log.h"
#include "library.h"
#include "lists.h"
#include "mail.h"
#include "proto/proc.h"
#include "selftest.h"
#include "serve.h"

static struct settings settings;

static int resolver_open(void)
{
	char why[CONF_WHY];

	if (settings_read(proc_conf(), &settings, why) == -1 ||
	    lists_read(proc_conf(), why) == -1 || library_open(&settings, why) == -1)
		proc_fatal("resolver-unusable", str_of(why)); /* what a reload is refused with */
	mail_seed(id_random());
	serve_timeout(settings.timeout);
	return 0;
}

static int resolver_start(void)
{
	selftest_start(&settings);
	lists_start();
	return 0;
}

static void resolver_end(void)
{
	proc_exit(0);
}

static void resolver_drain(void)
{
	serve_drain(resolver_end);
}

static void resolver_status(struct buf *out)
{
	selftest_status(out);
	lists_status(out);
	serve_status(out);
}

static const struct peer_spec peers[] = {
	{ ROLE_REMOTE, .rows = serve_rows, .down = serve_peer_down, .asks = true },
	{ ROLE_QUEUE, .rows = serve_rows, .down = serve_peer_down, .asks = true },
	{ ROLE_POLICY, .rows = serve_rows, .down = serve_peer_down, .asks = true },
	{ ROLE_FETCH, .rows = serve_rows, .down = serve_peer_down, .asks = true },
	{ ROLE_SMTPD, .rows = serve_client_rows, .down = serve_peer_down, .asks = true },
	{ ROLE_SUBMIT, .rows = serve_client_rows, .down = serve_peer_down, .asks = true },
	{ ROLE_NONE },
};

int main(void)
{
	static const struct program program = { .role = ROLE_RESOLVER,
		.peers = peers,
		.open = resolver_open,
		.start = resolver_start,
		.drain = resolver_drain,
		.status = resolver_status };

	return proc_main(&program);
}
