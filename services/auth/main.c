/*
 * services/auth: owns the accounts and their password hashes, says whether a password is right, and
 * grants sessions. Takes typed questions of fixed shape only: from sasl (is that who it says?),
 * from lookup (AUTH_ACCOUNT), and from the owner's tools at the control socket. See thurn-auth(8).
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "attempt.h"
#include "base/log.h"
#include "pam.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "recent.h"
#include "service.h"

static struct auth_settings settings;
static unsigned threads;
static struct account_owner self; /* asked for before confinement: the filter has no getuid() */

const struct auth_settings *auth_settings(void)
{
	return &settings;
}

bool auth_is_master(struct str name)
{
	const struct conf *c = proc_conf();

	for (size_t i = 0; i < conf_count(c, "auth_master_users"); i++)
		if (str_caseeq(name, conf_item(c, "auth_master_users", i)))
			return true;
	return false;
}

static void load_settings(void)
{
	const struct conf *c = proc_conf();

	settings.scheme = conf_str(c, "password_scheme");
	settings.cost = (unsigned long)conf_int(c, "password_cost");
	settings.scram_iterations = (uint32_t)conf_int(c, "scram_iterations");
	settings.default_domain = conf_str(c, "auth_default_domain");
	settings.remember = conf_time(c, "auth_remember");
	settings.per_minute = (uint32_t)conf_int(c, "auth_tries_per_minute");
	if (proc_is_root()) {
		settings.admin = 0;
		settings.owner.uid = (uint32_t)conf_int(c, "mailbox_uid");
		settings.owner.gid = (uint32_t)conf_int(c, "mailbox_gid");
	} else {
		settings.admin = self.uid;
		settings.owner = self;
	}
	if (settings.owner.gid == 0)
		settings.owner.gid = settings.owner.uid;
	token_load(c);
	introspect_load(c);
	pam_load(c);
}

/* As many hashes at once as there are processors for this process. */
static unsigned processors(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

	return n < 1 ? 1 : n > POOL_THREADS_MAX ? POOL_THREADS_MAX : (unsigned)n;
}

static int auth_open(void)
{
	char why[256];

	self = (struct account_owner){ geteuid(), getegid() };
	load_settings();
	threads = (unsigned)conf_int(proc_conf(), "auth_threads");
	if (threads == 0)
		threads = processors();
	if (db_open(proc_path("accounts"), proc_fd("accounts"), why) == -1) {
		log_error(NULL, EV("accounts-unusable"), KZ("why", why));
		return -1;
	}
	if (attempt_open() == -1 || recent_open() == -1 || proof_open() == -1 ||
	    check_reload() == -1) {
		log_error(
		    NULL, EV("password-scheme-unusable"), KS("scheme", settings.scheme), KERRNO);
		return -1;
	}
	return 0;
}

static int auth_start(void)
{
	if (pool_start(threads, (unsigned)conf_int(proc_conf(), "auth_waiting_max")) == -1) {
		log_error(NULL, EV("threads-failed"), KERRNO);
		return -1;
	}
	if (proc_fd("socket.accounts") != -1)
		control_start(proc_fd("socket.accounts"));
	return 0;
}

static void auth_reload(void)
{
	load_settings();
	attempt_reload();
	if (check_reload() == -1)
		log_error(
		    NULL, EV("password-scheme-unusable"), KS("scheme", settings.scheme), KERRNO);
}

static void idle(void)
{
	attempt_save();
	db_close();
	proc_exit(0);
}

static void auth_drain(void)
{
	control_drain(idle);
}

static void auth_status(struct buf *out)
{
	buf_printf(out, "checks %u\nhashes %u\nhashed %llu\n", pool_waiting(POOL_VERIFY),
	    pool_waiting(POOL_HASH), (unsigned long long)pool_done());
}

static const struct chan_row sasl_rows[] = {
	{ AUTH_CHECK, 0, on_auth_check },
	{ AUTH_SALT, 0, on_auth_salt },
	{ AUTH_PROOF, 0, on_auth_proof },
	{ AUTH_TOKEN, 0, on_auth_token },
	{ AUTH_CERTIFICATE, 0, on_auth_certificate },
	{ 0 },
};
static const struct chan_row lookup_rows[] = { { AUTH_ACCOUNT, 0, on_auth_account }, { 0 } };
static const struct chan_row no_rows[] = { { 0 } };

static const struct peer_spec peers[] = {
	{ ROLE_SASL, .rows = sasl_rows, .down = attempt_asker_down },
	{ ROLE_LOOKUP, .rows = lookup_rows },
	{ ROLE_SPAWN, .rows = no_rows },
	{ ROLE_FETCH, .rows = no_rows, .one = true },
	{ ROLE_PAM, .rows = no_rows },
	{ ROLE_NONE },
};

int main(void)
{
	static const struct program program = { .role = ROLE_AUTH,
		.peers = peers,
		.open = auth_open,
		.start = auth_start,
		.reload = auth_reload,
		.drain = auth_drain,
		.status = auth_status };

	return proc_main(&program);
}
