/*
 * services/sasl: takes apart what clients say when they log in, so that neither the servers nor
 * auth has to. Holds no file, no key and no account; whatever it claims, auth checks. See sasl(8).
 */
#include "mech.h"
#include "proto/proc.h"
#include "server.h"

static int sasl_open(void)
{
	if (scram_open() == 0)
		return 0;
	log_error(NULL, EV("scram-unusable"));
	return -1;
}

static int sasl_start(void)
{
	server_load(proc_conf());
	oauth_load(proc_conf());
	return 0;
}

static void sasl_reload(void)
{
	server_load(proc_conf());
	oauth_load(proc_conf());
	server_tell();
}

static void sasl_status(struct buf *out)
{
	buf_printf(out, "exchanges %u\n", exchange_count());
}

static const struct chan_row auth_rows[] = { { 0 } };

static const struct peer_spec peers[] = {
	{ ROLE_AUTH, .rows = auth_rows },
	{ ROLE_LOGIN, .rows = server_rows, .up = server_up, .down = server_down },
	{ ROLE_SUBMIT, .rows = server_rows, .up = server_up, .down = server_down },
	{ ROLE_NONE },
};

int main(void)
{
	static const struct program program = { .role = ROLE_SASL,
		.peers = peers,
		.open = sasl_open,
		.start = sasl_start,
		.reload = sasl_reload,
		.status = sasl_status };

	return proc_main(&program);
}
