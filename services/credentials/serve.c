/* Questions and their answers. See serve.h. */
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/log.h"
#include "proto/proc.h"
#include "proto/refused.h"
#include "proto/tls_wish.h"
#include "proto/types.h"
#include "proto/way.h"
#include "store.h"
#include "token.h"

enum {
	LATE_MS = 100, /* for a key that is on its way while what it has sealed is here */
	LATE_MAX = 256,
};

static uint64_t key[2];
static uint64_t given, refused;

static void answer(
    struct chan *c, struct chan_ref ref, uint16_t type, const struct credential_reply *r)
{
	struct put w = put_start();

	if (r->status.code == 0)
		given++;
	else
		refused++;
	put_credential_reply(&w, r);
	chan_answer(c, ref, type, &w, NULL, 0);
	explicit_bzero(w.p, w.n);
}

static struct credential_reply nothing(void)
{
	return (struct credential_reply){ .user = STR_NONE, .secret = STR_NONE, .rule = STR_NONE };
}

static void refuse(
    struct chan *c, struct chan_ref ref, uint16_t type, const char *enhanced, const char *why)
{
	struct credential_reply r = nothing();

	status_set(&r.status, 451, enhanced, "%s", why);
	answer(c, ref, type, &r);
}

/* The login of that mail, or NULL when the question has been answered. */
static const struct entry *find(
    struct chan *c, struct chan_ref ref, uint16_t type, struct str sender, struct str nexthop)
{
	const struct entry *e = file_find(store_now(), sender, nexthop);
	char text[STATUS_TEXT_MAX];

	if (e != NULL)
		return e;
	if (!store_used())
		snprintf(text, sizeof text, "there is no file of credentials (remote_credentials)");
	else
		snprintf(text, sizeof text, "no credentials for mail from <%.*s> to %.*s",
		    STR_ARG(str_take(sender, 200)), STR_ARG(str_take(nexthop, 200)));
	refuse(c, ref, type, "4.7.0", text);
	return NULL;
}

/* --- deliver/remote -------------------------------------------------------------------------- */

static void on_token(const struct token_wait *w, const struct token_answer *a)
{
	struct credential_reply r = {
		.status = a->status,
		.kind = CREDENTIAL_TOKEN,
		.id = w->login,
		.token = a->id,
		.user = str_of(w->user),
		.secret = a->status.code == 0 ? a->access : STR_NONE,
		.rule = str_of(w->rule),
	};

	answer(w->chan, w->ref, CREDENTIALS_ASK, &r);
}

static void give(struct chan *c, struct chan_ref ref, const struct credential_question *q,
    const struct entry *e, struct str nexthop)
{
	struct token_wait w = { .chan = c, .ref = ref, .login = e->id };
	const struct status *refusal = refused_lately(e->id, nexthop, loop_now());
	struct credential_reply r = nothing();

	if (refusal != NULL) {
		r.status = *refusal;
		answer(c, ref, CREDENTIALS_ASK, &r);
		return;
	}
	store_rule(e, w.rule);
	if (e->kind == CREDENTIAL_TOKEN) {
		str_copy(e->user, w.user, sizeof w.user);
		token_get(e, q->rejected, q->trace, &w, on_token);
		return;
	}
	r.kind = e->kind;
	r.id = e->id;
	r.user = e->user;
	r.secret = e->secret;
	r.rule = str_of(w.rule);
	answer(c, ref, CREDENTIALS_ASK, &r);
}

/* The next hop that is asked about, if mail logs in there. -1 = a malformed question. */
static int hop_of(const struct credential_question *q, struct way_hop *h)
{
	struct tls_wish wish;
	struct way y;

	if (way_decode(q->way, &y) == -1 || q->hop >= y.n ||
	    tls_wish_parse(y.hop[q->hop].tls, &wish) == -1 || !wish.auth)
		return -1;
	*h = y.hop[q->hop];
	return 0;
}

static void take(struct chan *c, struct chan_ref ref, const struct credential_question *q)
{
	struct tag tag = { .trace = q->trace };
	const struct entry *e;
	struct way_hop h;

	if (!ticket_good(key, &q->ticket, loop_now(), q->sender, q->way) || hop_of(q, &h) == -1) {
		log_warning(&tag, EV("credentials-no-ticket"), KS("from", q->sender));
		refuse(c, ref, CREDENTIALS_ASK, "4.3.0",
		    "credentials may not be given for this job any more");
		return;
	}
	e = find(c, ref, CREDENTIALS_ASK, q->sender, h.nexthop);
	if (e != NULL)
		give(c, ref, q, e, h.nexthop);
}

/* A question that has come before the key: it is looked at again a moment later. */
struct late {
	LIST_ENTRY(late) next;
	struct timer timer;
	struct chan *chan;
	struct chan_ref ref;
	struct arena arena;
	struct credential_question q;
};

static LIST_HEAD(, late) late = LIST_HEAD_INITIALIZER(late);
static unsigned nlate;

static void late_free(struct late *l)
{
	timer_clear(&l->timer);
	arena_clear(&l->arena);
	LIST_REMOVE(l, next);
	nlate--;
	free(l);
}

static void on_late(void *arg)
{
	struct late *l = arg;

	take(l->chan, l->ref, &l->q);
	late_free(l);
}

static void put_off(struct chan *c, struct chan_ref ref, const struct credential_question *q)
{
	struct late *l = xcalloc(1, sizeof *l);

	l->chan = c;
	l->ref = ref;
	l->q = *q;
	arena_init(&l->arena);
	l->q.sender = arena_str(&l->arena, q->sender);
	l->q.way = arena_str(&l->arena, q->way);
	LIST_INSERT_HEAD(&late, l, next);
	nlate++;
	timer_set(&l->timer, LATE_MS, on_late, l);
}

static int on_ask(struct chan *c, struct ipc_msg *m)
{
	const struct chan_ref ref = { m->id, m->gen };
	struct get g = get_start(m->body);
	struct credential_question q;

	if (get_credential_question(&g, &q) == -1)
		return -1;
	if (nlate < LATE_MAX && !ticket_good(key, &q.ticket, loop_now(), q.sender, q.way))
		put_off(c, ref, &q);
	else
		take(c, ref, &q);
	return 0;
}

void serve_remote_down(struct chan *c)
{
	struct late *l = LIST_FIRST(&late), *next;

	for (; l != NULL; l = next) {
		next = LIST_NEXT(l, next);
		if (l->chan == c)
			late_free(l);
	}
	token_forget(c);
}

static int on_refused(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct credential_refusal r;

	(void)c;
	if (get_credential_refusal(&g, &r) == -1)
		return -1;
	/* for how long, it does not leave to whoever talks to strangers */
	refused_note(r.id, r.nexthop, &r.status,
	    loop_now() + conf_time(proc_conf(), "remote_auth_refused_time"));
	return 0;
}

const struct chan_row serve_remote_rows[] = { { CREDENTIALS_ASK, 0, on_ask },
	{ CREDENTIALS_REFUSED, 0, on_refused }, { 0 } };

/* --- the queue ------------------------------------------------------------------------------- */

static int on_key(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);

	(void)c;
	return get_ticket_key(&g, key);
}

/* Somebody wants it explained. */
static int on_look(struct chan *c, struct ipc_msg *m)
{
	const struct chan_ref ref = { m->id, m->gen };
	struct get g = get_start(m->body);
	struct credential_reply r = nothing();
	char rule[CREDENTIAL_RULE_MAX];
	struct credential_look l;
	const struct entry *e;

	if (get_credential_look(&g, &l) == -1)
		return -1;
	e = find(c, ref, CREDENTIALS_LOOK, l.sender, l.nexthop);
	if (e == NULL)
		return 0;
	store_rule(e, rule);
	r.kind = e->kind;
	r.user = e->user;
	r.rule = str_of(rule);
	answer(c, ref, CREDENTIALS_LOOK, &r);
	return 0;
}

const struct chan_row serve_queue_rows[] = { { CREDENTIALS_KEY, 0, on_key },
	{ CREDENTIALS_LOOK, 0, on_look }, { 0 } };

void serve_status(struct buf *out)
{
	buf_printf(out, "entries %zu\ngiven %llu\nrefused %llu\ntokens %u\n", store_now()->n,
	    (unsigned long long)given, (unsigned long long)refused, token_count());
}
