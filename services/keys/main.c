/*
 * services/keys: private keys of TLS and DKIM. Gets descriptors of their files from master, publishes
 * certificates to the processes that talk to the network, and signs their handshakes, and reports. Has
 * no file, no network, and no way to tell a key. See thurn-keys(8).
 */
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "control.h"
#include "dkim.h"
#include "keyfile.h"
#include "proto/callers.h"
#include "proto/proc.h"
#include "serve.h"
#include "store.h"
#include "tickets.h"

enum {
	LOOK = 60 * 1000, /* ms between looks at the files */
	HOUR = TLS_TICKET_HOURS * 3600 * 1000,
};

static struct timer look_timer, hour_timer;
static int64_t warn_within; /* seconds */
static bool loud;
static bool changed = true; /* who may use what may have changed */

/* --- files ------------------------------------------------------------------------------------ */

static void look(void *unused)
{
	(void)unused;
	timer_set(&look_timer, LOOK, look, NULL);
	proc_ask_files();
}

static void on_files_end(void)
{
	int64_t now = (int64_t)time(NULL);
	bool news = store_take(now, loud);

	loud = false;
	store_warn(now, warn_within);
	if (news || changed)
		serve_publish();
	changed = false;
	control_looked();
}

static void on_hour(void *unused)
{
	(void)unused;
	timer_set(&hour_timer, HOUR, on_hour, NULL);
	tickets_rotate();
	serve_publish_tickets();
}

/* --- the process ------------------------------------------------------------------------------ */

/* OpenSSL wipes what it knows to be secret; here it wipes all that it lets go of. */
static void wipe_and_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	if (p != NULL)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

static void *plain_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return malloc(n);
}

static void *wiping_realloc(void *p, size_t n, const char *file, int line)
{
	size_t old = p == NULL ? 0 : malloc_usable_size(p);
	void *fresh = malloc(n);

	if (fresh == NULL)
		return NULL;
	if (p != NULL)
		memcpy(fresh, p, old < n ? old : n);
	wipe_and_free(p, file, line);
	return fresh;
}

static void load_settings(void)
{
	const struct conf *c = proc_conf();

	serve_set_rate((unsigned)conf_int(c, "keys_rate"));
	warn_within = (int64_t)(conf_time(c, "tls_expiry_warning") / 1000);
	store_configure(c);
}

static int keys_open(void)
{
	if (CRYPTO_set_mem_functions(plain_malloc, wiping_realloc, wipe_and_free) != 1)
		abort();
	if (keyfile_open() == -1)
		log_warning(NULL, EV("memory-not-locked"), KERRNO);
	callers_prepare();
	load_settings();
	return 0;
}

static int keys_start(void)
{
	control_start();
	look(NULL);
	timer_set(&hour_timer, HOUR, on_hour, NULL);
	return 0;
}

static void keys_reload(void)
{
	load_settings();
	changed = true;
	loud = true;
	look(NULL);
}

/* Days until the first of those in use expires; negative when it has. */
static int least_days(void)
{
	int64_t now = (int64_t)time(NULL);
	int least = INT32_MAX;

	for (size_t i = 0; i < store_count(); i++) {
		const struct pair *p = store_slot(i)->pair;

		if (p != NULL && pair_days(p, now) < least)
			least = pair_days(p, now);
	}
	return least;
}

static void keys_status(struct buf *out)
{
	serve_status(out);
	buf_printf(out, "certificates %zu\ndkim_keys %zu\n", store_count(), dkim_count());
	if (least_days() != INT32_MAX)
		buf_printf(out, "certificate_days %d\n", least_days());
}

static const struct peer_spec peers[] = {
	{ ROLE_SMTPD, .rows = serve_rows, .up = serve_up, .down = serve_down },
	{ ROLE_SUBMIT, .rows = serve_rows, .up = serve_up, .down = serve_down },
	{ ROLE_LOGIN, .rows = serve_rows, .up = serve_up, .down = serve_down },
	{ ROLE_REMOTE, .rows = serve_rows, .up = serve_up, .down = serve_down },
	{ ROLE_POLICY, .rows = serve_dkim_rows, .up = serve_up, .down = serve_down },
	{ ROLE_NONE },
};

int main(void)
{
	static const struct program program = { .role = ROLE_KEYS,
		.peers = peers,
		.open = keys_open,
		.start = keys_start,
		.reload = keys_reload,
		.file = store_file,
		.files_end = on_files_end,
		.status = keys_status };

	return proc_main(&program);
}
