/*
 * services/pam: whether a password is one that PAM takes. A process of its own, because modules are
 * code of others that blocks, reads what it likes, and parses what clients said; several of them,
 * each with one question at a time. Off unless pam_workers says otherwise. See thurn-pam(8).
 */
#include <nss.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "conversation.h"
#include "proto/pam.h"
#include "proto/proc.h"
#include "proto/types.h"

uid_t geteuid(void);

/*
 * pam_unix reads shadow(5) itself for root alone, and has a set-gid helper do it for others, which
 * cannot work here. The group of our system user may read that file, so there is no need to be
 * root: it is enough that the module thinks so. The kernel is asked elsewhere (base/sandbox.c).
 */
uid_t geteuid(void)
{
	return 0;
}

/* --- a module that hangs --------------------------------------------------------------------- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t news;
	bool busy;
	unsigned number; /* of the question */
	unsigned seconds;
} guard = { .lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER };

/* Ends the process when one question takes too long; master starts another. */
static void *keep_guard(void *unused)
{
	struct timespec until;
	unsigned number;

	(void)unused;
	pthread_mutex_lock(&guard.lock);
	for (;;) {
		while (!guard.busy)
			pthread_cond_wait(&guard.news, &guard.lock);
		number = guard.number;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += guard.seconds;
		while (guard.busy && guard.number == number)
			if (pthread_cond_clockwait(
				&guard.news, &guard.lock, CLOCK_MONOTONIC, &until) != 0)
				_exit(EX_UNAVAILABLE);
	}
	return NULL;
}

static void set_busy(bool busy)
{
	pthread_mutex_lock(&guard.lock);
	guard.busy = busy;
	guard.number += busy;
	pthread_cond_signal(&guard.news);
	pthread_mutex_unlock(&guard.lock);
}

/* --- questions ------------------------------------------------------------------------------- */

static unsigned long long counts[AUTH_LATER + 1];

static int on_check(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct put w = put_start();
	struct pam_question q;
	enum auth_verdict v;
	const char *why;

	if (get_pam_question(&g, &q) == -1)
		return -1;
	set_busy(true);
	v = conversation(q.user, q.client, q.password, &why);
	set_busy(false);
	counts[v]++;
	if (v == AUTH_LATER)
		log_warning(&(struct tag){ .trace = q.trace }, EV("pam-failed"), KS("user", q.user),
		    KZ("why", why));
	put_u8(&w, (uint8_t)v);
	chan_reply(c, m, PAM_CHECK, &w, NULL, 0);
	ipc_wipe(m);
	return 0;
}

/* --- the process ----------------------------------------------------------------------------- */

static int pam_open_stack(void)
{
	struct str confdir = conf_str(proc_conf(), "pam_confdir");
	char service[64], path[4096];
	const char *why = "pam_service or pam_confdir is too long";

	/* other services of nsswitch.conf would want sockets; users are those of the files */
	__nss_configure_lookup("passwd", "files");
	__nss_configure_lookup("shadow", "files");
	__nss_configure_lookup("group", "files");
	if (str_copy(conf_str(proc_conf(), "pam_service"), service, sizeof service) == 0 &&
	    str_copy(confdir, path, sizeof path) == 0)
		why = conversation_open(service, confdir.n == 0 ? NULL : path);
	if (why == NULL)
		return 0;
	log_error(NULL, EV("pam-unusable"), KZ("service", service), KZ("why", why));
	return -1;
}

static int pam_begin(void)
{
	pthread_t thread;

	guard.seconds = (unsigned)((conf_time(proc_conf(), "pam_timeout") + 999) / 1000);
	if (pthread_create(&thread, NULL, keep_guard, NULL) != 0)
		return -1;
	pthread_detach(thread);
	return 0;
}

static void pam_status(struct buf *out)
{
	buf_printf(out, "accepted %llu\nrefused %llu\nfailed %llu\n", counts[AUTH_OK],
	    counts[AUTH_REFUSED], counts[AUTH_LATER]);
}

static const struct chan_row auth_rows[] = { { PAM_CHECK, 0, on_check }, { 0 } };
static const struct peer_spec peers[] = { { ROLE_AUTH, .rows = auth_rows, .asks = true },
	{ ROLE_NONE } };

int main(void)
{
	static const struct program program = { .role = ROLE_PAM,
		.peers = peers,
		.open = pam_open_stack,
		.start = pam_begin,
		.status = pam_status };

	return proc_main(&program);
}
