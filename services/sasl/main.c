/*
 * services/sasl: takes apart what clients say when they log in, so that neither the servers nor
 * auth has to. Holds no file, no key and no account; whatever it claims, auth checks. See thurn-sasl(8).
 */
#include "dovecot.h"
#include "mech.h"
#include "offer.h"
#include "proto/proc.h"
#include "server.h"

static int sasl_open(void)
{
	dovecot_open();
	if (scram_open() == 0)
		return 0;
	log_error(NULL, EV("scram-unusable"));
	return -1;
}

static int sasl_start(void)
{
	offer_load(proc_conf());
	oauth_load(proc_conf());
	dovecot_start(proc_conf());
	return 0;
}

static void leave(void)
{
	proc_exit(0);
}

/* Those who wait for auth get its answer; an exchange in which it is the client's turn is lost. */
static void sasl_drain(void)
{
	dovecot_stop();
	exchanges_drain(leave);
}

static void sasl_status(struct buf *out)
{
	buf_printf(out, "exchanges %u\ndovecot-clients %u\n", exchange_count(), dovecot_count());
}

static const struct chan_row auth_rows[] = { { 0 } };

static const struct peer_spec peers[] = {
	{ ROLE_AUTH, .rows = auth_rows },
	{ ROLE_LOGIN, .rows = server_rows, .up = server_up, .down = server_down, .asks = true },
	{ ROLE_SUBMIT, .rows = server_rows, .up = server_up, .down = server_down, .asks = true },
	{ ROLE_NONE },
};

int main(void)
{
	static const struct program program = { .role = ROLE_SASL,
		.peers = peers,
		.open = sasl_open,
		.start = sasl_start,
		.drain = sasl_drain,
		.status = sasl_status };

	return proc_main(&program);
}
