/*
 * services/keys: private keys of TLS. Gets descriptors of the certificate files from master,
 * publishes certificates to the processes that talk to the network, and signs their handshakes. Has
 * no file, no network, and no way to tell a key. See keys(8).
 */
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/log.h"
#include "control.h"
#include "proto/keys.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "sign.h"
#include "store.h"
#include "tickets.h"

enum {
	LOOK = 60 * 1000, /* ms between looks at the files */
	HOUR = TLS_TICKET_HOURS * 3600 * 1000,
	COMPLAIN = 1000, /* ms between events about one peer */
};

/* What each kind of peer may have signed. */
static const struct {
	enum role role;
	unsigned texts;
} may_sign[] = {
	{ ROLE_SMTPD, SIGN_SERVER_13 | SIGN_SERVER_12 },
	{ ROLE_SUBMIT, SIGN_SERVER_13 | SIGN_SERVER_12 },
	{ ROLE_LOGIN, SIGN_SERVER_13 | SIGN_SERVER_12 },
};

struct peer_state {
	double tokens; /* signatures it may have now */
	uint64_t filled; /* ms */
	uint64_t complained;
	unsigned refused; /* since then */
};

static struct timer look_timer, hour_timer;
static unsigned rate;
static int64_t warn_within; /* seconds */
static bool loud;
static bool looked; /* once: what there is can be published */
static uint64_t signatures, refusals;

/* --- publishing --------------------------------------------------------------------------------
 */

static void publish_tickets(struct chan *c)
{
	const struct tls_ticket_key *keys;
	struct put w = put_start();
	size_t n;

	if (!tickets_of(c->role))
		return;
	keys = tickets_keys(c->role, &n);
	put_keys_tickets(&w, keys, n);
	chan_send(c, KEYS_TICKETS, &w, NULL, 0);
	explicit_bzero(w.p, w.n);
}

static void publish(struct chan *c)
{
	struct put w = put_start();

	chan_send(c, KEYS_BEGIN, &w, NULL, 0);
	for (size_t i = 0; i < store_count(); i++) {
		const struct slot *s = store_slot(i);
		struct keys_certificate k = { .name = str_of(s->name) };

		if (s->pair == NULL || (s->roles & ROLE_BIT(c->role)) == 0)
			continue;
		k.certificate = s->pair->certificate;
		w = put_start();
		put_keys_certificate(&w, &k);
		chan_send(c, KEYS_CERTIFICATE, &w, NULL, 0);
	}
	w = put_start();
	chan_send(c, KEYS_COMPLETE, &w, NULL, 0);
}

/* Every process that may ask. */
static void for_all_peers(void (*fn)(struct chan *))
{
	for (size_t i = 0; i < sizeof may_sign / sizeof *may_sign; i++)
		proc_each_peer(may_sign[i].role, fn);
}

static void peer_up(struct chan *c)
{
	struct peer_state *s = xcalloc(1, sizeof *s);

	s->tokens = rate;
	s->filled = loop_now();
	c->owner = s;
	publish_tickets(c);
	if (looked)
		publish(c);
}

static void peer_down(struct chan *c)
{
	free(c->owner);
	c->owner = NULL;
}

/* --- signing -----------------------------------------------------------------------------------
 */

static bool has_token(struct peer_state *s)
{
	uint64_t now = loop_now();

	s->tokens += (double)(now - s->filled) * rate / 1000;
	if (s->tokens > rate)
		s->tokens = rate;
	s->filled = now;
	if (s->tokens < 1)
		return false;
	s->tokens--;
	return true;
}

static unsigned texts_of(enum role role)
{
	for (size_t i = 0; i < sizeof may_sign / sizeof *may_sign; i++)
		if (may_sign[i].role == role)
			return may_sign[i].texts;
	return 0;
}

/* One event for many: whoever floods us shall not flood the log. */
static void refuse(struct chan *c, const char *why)
{
	struct peer_state *s = c->owner;
	uint64_t now = loop_now();

	refusals++;
	s->refused++;
	if (s->complained != 0 && now - s->complained < COMPLAIN)
		return;
	log_warning(NULL, EV("signature-refused"), KZ("peer", role_name(c->role)),
	    KI("instance", c->instance), KZ("why", why), KI("times", s->refused));
	s->complained = now;
	s->refused = 0;
}

static int on_sign(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	uint8_t signature[TLS_SIGNATURE_MAX];
	struct put w = put_start();
	struct keys_question q;
	const char *why = "no such key for this peer";
	EVP_PKEY *key;
	size_t n = 0;

	if (get_keys_question(&g, &q) == -1)
		return -1;
	key = store_key(q.key, c->role);
	if (!has_token(c->owner))
		why = "more than keys_rate";
	else if (key != NULL)
		why = sign(key, q.scheme, q.text, texts_of(c->role), signature, &n);
	if (why != NULL) {
		n = 0;
		refuse(c, why);
	} else {
		signatures++;
	}
	put_str(&w, str_bytes(signature, n));
	return chan_reply(c, m, KEYS_SIGN, &w, NULL, 0) == -1 ? -1 : 0;
}

static const struct chan_row rows[] = { { KEYS_SIGN, 0, on_sign }, { 0 } };

/* --- files -------------------------------------------------------------------------------------
 */

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
	if (news || !looked) {
		looked = true;
		for_all_peers(publish);
	}
	control_looked();
}

static void on_hour(void *unused)
{
	(void)unused;
	timer_set(&hour_timer, HOUR, on_hour, NULL);
	tickets_rotate();
	for_all_peers(publish_tickets);
}

/* --- the process -------------------------------------------------------------------------------
 */

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

	rate = (unsigned)conf_int(c, "keys_rate");
	warn_within = (int64_t)(conf_time(c, "tls_expiry_warning") / 1000);
	store_configure(c);
}

static int keys_open(void)
{
	if (CRYPTO_set_mem_functions(plain_malloc, wiping_realloc, wipe_and_free) != 1)
		abort();
	if (pair_open() == -1)
		log_warning(NULL, EV("memory-not-locked"), KERRNO);
	control_prepare();
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
	looked = false; /* who may use what may have changed as well */
	loud = true;
	look(NULL);
}

static void keys_status(struct buf *out)
{
	buf_printf(out, "signatures %llu\nrefused %llu\ncertificates %zu\n",
	    (unsigned long long)signatures, (unsigned long long)refusals, store_count());
}

static const struct peer_spec peers[] = {
	{ ROLE_SMTPD, .rows = rows, .up = peer_up, .down = peer_down },
	{ ROLE_SUBMIT, .rows = rows, .up = peer_up, .down = peer_down },
	{ ROLE_LOGIN, .rows = rows, .up = peer_up, .down = peer_down },
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
