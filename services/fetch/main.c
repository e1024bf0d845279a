/*
 * services/fetch: the one process that speaks HTTPS. It has no file, connects to the ports of its
 * settings alone, and takes addresses from services/resolver only. See thurn-fetch(8).
 */
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "limits.h"
#include "net/tls.h"
#include "proto/proc.h"
#include "serve.h"

static struct settings settings;

static int fetch_open(void)
{
	char why[CONF_WHY];
	struct str anchors = STR_NONE; /* for the life of the process */

	if (settings_read(proc_conf(), &settings, why) == -1)
		proc_fatal("fetch-unusable", str_of(why)); /* what a reload is refused with */
	if (fd_read_file(settings.anchors, ANCHORS_MAX, &anchors) == -1 || anchors.n == 0)
		log_warning(
		    NULL, EV("fetch-no-trust-anchors"), KZ("file", settings.anchors), KERRNO);
	tls_open();
	serve_settings(&settings);
	if (library_open(anchors) == -1)
		proc_fatal("fetch-unusable", STR("libcurl does not start"));
	return 0;
}

static void fetch_end(void)
{
	proc_exit(0);
}

static void fetch_drain(void)
{
	serve_drain(fetch_end);
}

static const struct chan_row no_rows[] = { { 0 } };

static const struct peer_spec peers[] = {
	{ ROLE_CREDENTIALS, .rows = serve_rows, .down = serve_peer_down, .asks = true },
	{ ROLE_POLICY, .rows = serve_rows, .down = serve_peer_down, .asks = true },
	{ ROLE_AUTH, .rows = serve_rows, .down = serve_peer_down, .asks = true },
	{ ROLE_RESOLVER, .rows = no_rows, .one = true },
	{ ROLE_NONE },
};

int main(void)
{
	static const struct program program = { .role = ROLE_FETCH,
		.peers = peers,
		.open = fetch_open,
		.drain = fetch_drain,
		.status = serve_status };

	return proc_main(&program);
}
