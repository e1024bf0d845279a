/*
 * services/credentials: with what mail logs in at other hosts. Gets a descriptor of the file from
 * master, has services/fetch bring access tokens, and gives deliver/remote the login of a job that it holds.
 * It has no network, and no file but the refresh tokens that endpoints have renewed. See thurn-credentials(8).
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/log.h"
#include "kept.h"
#include "proto/proc.h"
#include "serve.h"
#include "store.h"
#include "token.h"

enum { LOOK = 60 * 1000 /* ms between looks at the file */ };

static struct timer look_timer;

static void look(void *unused)
{
	(void)unused;
	timer_set(&look_timer, LOOK, look, NULL);
	token_sweep();
	proc_ask_files();
}

/* Nothing of it is to be written to a disk. */
static void lock_memory(void)
{
	struct rlimit all;

	if (getrlimit(RLIMIT_MEMLOCK, &all) == 0) {
		all.rlim_cur = all.rlim_max;
		setrlimit(RLIMIT_MEMLOCK, &all);
	}
	if (mlockall(MCL_CURRENT | MCL_FUTURE) == -1)
		log_notice(NULL, EV("memory-not-locked"), KERRNO);
}

static int credentials_open(void)
{
	lock_memory();
	kept_open(proc_fd("tokens"));
	store_configure(conf_str(proc_conf(), "remote_credentials"));
	return 0;
}

static int credentials_start(void)
{
	look(NULL);
	return 0;
}

static void credentials_reload(void)
{
	store_configure(conf_str(proc_conf(), "remote_credentials"));
	look(NULL);
}

static const struct chan_row no_rows[] = { { 0 } };

static const struct peer_spec peers[] = {
	{ ROLE_REMOTE, .rows = serve_remote_rows, .down = serve_remote_down, .asks = true },
	{ ROLE_QUEUE, .rows = serve_queue_rows },
	{ ROLE_FETCH, .rows = no_rows, .one = true },
	{ ROLE_NONE },
};

int main(void)
{
	static const struct program program = { .role = ROLE_CREDENTIALS,
		.peers = peers,
		.open = credentials_open,
		.start = credentials_start,
		.reload = credentials_reload,
		.file = store_file,
		.files_end = store_take,
		.status = serve_status };

	return proc_main(&program);
}
