/* What peers get: certificates, ticket keys, signatures. See serve.h. */
#include "serve.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "anchors.h"
#include "base/alloc.h"
#include "base/log.h"
#include "dkim.h"
#include "proto/keys.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "sign.h"
#include "store.h"
#include "tickets.h"

enum {
	COMPLAIN = 1000, /* ms between events about one peer */
	EARLY_MAX = 1024, /* questions that wait for the first look at the files */
};

/* What each kind of peer may have signed of handshakes. */
static const struct {
	enum role role;
	unsigned texts;
} may_sign[] = {
	{ ROLE_SMTPD, SIGN_SERVER_13 | SIGN_SERVER_12 },
	{ ROLE_SUBMIT, SIGN_SERVER_13 | SIGN_SERVER_12 },
	{ ROLE_LOGIN, SIGN_SERVER_13 | SIGN_SERVER_12 }, { ROLE_REMOTE, SIGN_CLIENT_13 },
	{ ROLE_POLICY, 0 }, /* but texts of DKIM */
};

struct peer_state {
	double tokens; /* signatures it may have now */
	uint64_t filled; /* ms */
	uint64_t complained;
	unsigned refused; /* since then */
};

/* A handshake that was under way when this process began: its key is on the way, too. */
struct early {
	TAILQ_ENTRY(early) next;
	struct chan *from;
	struct chan_ref ref;
	struct keys_question question;
	char text[TLS_TEXT_MAX];
};

static TAILQ_HEAD(, early) early = TAILQ_HEAD_INITIALIZER(early);
static unsigned nearly;
static unsigned rate;
static bool ready; /* the files have been looked at */
static uint64_t signatures, refusals;

/* --- publishing ------------------------------------------------------------------------------- */

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

static void publish_dkim(void *arg, const struct keys_dkim *k)
{
	struct put w = put_start();

	put_keys_dkim(&w, k);
	chan_send(arg, KEYS_DKIM, &w, NULL, 0);
}

static void publish(struct chan *c)
{
	struct put w = put_start();
	size_t n;

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
	if (anchors_for(c->role)) {
		const struct str *der = anchors(&n);

		w = put_start();
		put_keys_anchors(&w, der, n);
		chan_send(c, KEYS_CLIENT_CA, &w, NULL, 0);
	}
	dkim_each(c->role, publish_dkim, c);
	w = put_start();
	chan_send(c, KEYS_COMPLETE, &w, NULL, 0);
}

/* Every process that may ask. */
static void for_all_peers(void (*fn)(struct chan *))
{
	for (size_t i = 0; i < sizeof may_sign / sizeof *may_sign; i++)
		proc_each_peer(may_sign[i].role, fn);
}

void serve_up(struct chan *c)
{
	struct peer_state *s = xcalloc(1, sizeof *s);

	s->tokens = rate;
	s->filled = loop_now();
	c->owner = s;
	publish_tickets(c);
	if (ready)
		publish(c);
}

/* --- signing ---------------------------------------------------------------------------------- */

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

/* The signature, or why there is none. */
static int respond(
    struct chan *c, struct chan_ref ref, uint16_t type, const char *why, struct str signature)
{
	struct put w = put_start();

	if (why != NULL) {
		refuse(c, why);
		signature.n = 0;
	} else {
		signatures++;
	}
	put_str(&w, signature);
	return chan_answer(c, ref, type, &w, NULL, 0);
}

static int answer(struct chan *c, struct chan_ref ref, const struct keys_question *q)
{
	uint8_t signature[KEYS_SIGNATURE_MAX];
	const char *why = "no such key for this peer";
	EVP_PKEY *key = store_key(q->key, c->role);
	size_t n = 0;

	if (!has_token(c->owner))
		why = "more than keys_rate";
	else if (key != NULL)
		why = sign(key, q->scheme, q->text, texts_of(c->role), signature, &n);
	return respond(c, ref, KEYS_SIGN, why, str_bytes(signature, n));
}

static void early_free(struct early *e)
{
	TAILQ_REMOVE(&early, e, next);
	nearly--;
	free(e);
}

static void wait_for_files(struct chan *c, struct chan_ref ref, const struct keys_question *q)
{
	struct early *e = xcalloc(1, sizeof *e);

	*e = (struct early){ .from = c, .ref = ref, .question = *q };
	memcpy(e->text, q->text.p, q->text.n);
	e->question.text.p = e->text;
	TAILQ_INSERT_TAIL(&early, e, next);
	nearly++;
}

/* Those that have waited. */
static void answer_early(void)
{
	struct early *e;

	while ((e = TAILQ_FIRST(&early)) != NULL) {
		answer(e->from, e->ref, &e->question);
		early_free(e);
	}
}

static int on_sign(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct chan_ref ref = { m->id, m->gen };
	struct keys_question q;

	if (get_keys_question(&g, &q) == -1)
		return -1;
	if (ready || nearly == EARLY_MAX)
		return answer(c, ref, &q);
	wait_for_files(c, ref, &q);
	return 0;
}

static int on_dkim_sign(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	uint8_t signature[KEYS_SIGNATURE_MAX];
	struct keys_dkim_question q;
	const char *why = "more than keys_rate";
	size_t n = 0;

	if (get_keys_dkim_question(&g, &q) == -1)
		return -1;
	if (has_token(c->owner))
		why = dkim_sign(q.id, c->role, q.text, signature, &n);
	return respond(
	    c, (struct chan_ref){ m->id, m->gen }, KEYS_DKIM_SIGN, why, str_bytes(signature, n));
}

const struct chan_row serve_rows[] = { { KEYS_SIGN, 0, on_sign }, { 0 } };
const struct chan_row serve_dkim_rows[] = { { KEYS_DKIM_SIGN, 0, on_dkim_sign }, { 0 } };

/* --- for main.c ------------------------------------------------------------------------------- */

void serve_down(struct chan *c)
{
	struct early *e, *after;

	for (e = TAILQ_FIRST(&early); e != NULL; e = after) {
		after = TAILQ_NEXT(e, next);
		if (e->from == c)
			early_free(e);
	}
	free(c->owner);
	c->owner = NULL;
}

void serve_set_rate(unsigned per_second)
{
	rate = per_second;
}

void serve_publish(void)
{
	ready = true;
	for_all_peers(publish);
	answer_early();
}

void serve_publish_tickets(void)
{
	for_all_peers(publish_tickets);
}

void serve_status(struct buf *out)
{
	buf_printf(out, "signatures %llu\nrefused %llu\n", (unsigned long long)signatures,
	    (unsigned long long)refusals);
}
