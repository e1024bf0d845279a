/* Next hops and their connections. See hop.h. */
#include "hop.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/id.h"
#include "choice.h"
#include "session.h"
#include "settings.h"

enum { BUCKETS = 1024, PORT_LMTP = 24, PORT_SMTPS = 465 };

static LIST_HEAD(, hop) table[BUCKETS];
static TAILQ_HEAD(starved_list, hop) starved = TAILQ_HEAD_INITIALIZER(starved); /* longest first */
static struct session_list idle = TAILQ_HEAD_INITIALIZER(idle); /* of all hops */
static unsigned connections;
static bool closing; /* none stays idle any more */

unsigned hop_connections(void)
{
	return connections;
}

/* --- the table -------------------------------------------------------------------------------- */

static size_t bucket(struct str key)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < key.n; i++)
		h = (h ^ (unsigned char)key.p[i]) * 16777619u;
	return h % BUCKETS;
}

static bool same_source(const struct deliver_source *a, const struct deliver_source *b)
{
	return str_eq(a->name, b->name) && str_eq(a->helo, b->helo) &&
	       ip_eq(&a->ip[0], &b->ip[0]) && ip_eq(&a->ip[1], &b->ip[1]);
}

static bool same_login(const struct credential *a, const struct credential *b)
{
	return a == b || (a != NULL && b != NULL && a->id == b->id);
}

static struct hop *find(const struct hop_question *q, const struct deliver_source *source,
    const struct credential *login)
{
	struct hop *h;

	LIST_FOREACH (h, &table[bucket(q->hop.nexthop)], chain)
		if (h->transport == q->transport && way_same_hop(&h->way, &q->hop) &&
		    same_source(&h->source, source) && same_login(h->credential, login))
			return h;
	return NULL;
}

struct families hop_families(const struct hop *h)
{
	struct families f = settings()->families;

	(void)families_parse(h->way.family, &f);
	if (h->source.name.n > 0) {
		f.four = f.four && h->source.ip[0].family != 0;
		f.six = f.six && h->source.ip[1].family != 0;
	}
	return f;
}

static uint16_t default_port(uint8_t transport, const struct tls_wish *w)
{
	if (transport == TRANSPORT_LMTP)
		return PORT_LMTP;
	return w->implicit ? PORT_SMTPS : settings()->port;
}

/* NULL when the next hop or its policy cannot be read. */
static struct hop *make(const struct hop_question *q, const struct deliver_source *source)
{
	struct nexthop target;
	struct tls_wish w;
	struct hop *h;

	if (tls_wish_parse(q->hop.tls, &w) == -1 ||
	    nexthop_parse(q->hop.nexthop, default_port(q->transport, &w), &target) == -1)
		return NULL;
	if (nexthop_path(&target).n > 0 && q->transport != TRANSPORT_LMTP)
		return NULL;
	h = xcalloc(1, sizeof *h);
	h->transport = q->transport;
	h->target = target;
	arena_init(&h->arena);
	h->way.nexthop = arena_str(&h->arena, q->hop.nexthop);
	h->way.tls = arena_str(&h->arena, q->hop.tls);
	h->way.family = arena_str(&h->arena, q->hop.family);
	tls_wish_parse(h->way.tls, &h->wish); /* borrows from there */
	h->source = *source;
	h->source.name = arena_str(&h->arena, source->name);
	h->source.helo = arena_str(&h->arena, source->helo);
	TAILQ_INIT(&h->waiting);
	TAILQ_INIT(&h->idle);
	site_finder_init(&h->finder, &h->target, q->transport);
	LIST_INSERT_HEAD(&table[bucket(q->hop.nexthop)], h, chain);
	return h;
}

void hop_login(struct hop *h, struct credential *c)
{
	credential_ref(c);
	credential_release(h->credential);
	h->credential = c;
}

/* login: NULL for mail that does not log in there, and for who only asks. */
static struct hop *get(
    const struct hop_question *q, const struct deliver_source *source, struct credential *login)
{
	struct hop *h = find(q, source, login);

	if (h == NULL)
		h = make(q, source);
	if (h != NULL && login != NULL)
		hop_login(h, login);
	return h;
}

static void drop_if_unused(struct hop *h)
{
	if (h->sessions > 0 || h->pins > 0 || !TAILQ_EMPTY(&h->waiting))
		return;
	LIST_REMOVE(h, chain);
	site_finder_clear(&h->finder);
	credential_release(h->credential);
	arena_clear(&h->arena);
	free(h);
}

/* --- waiting jobs ----------------------------------------------------------------------------- */

/* Whether a connection would be opened for one of them. */
static void line_up(struct hop *h)
{
	bool starves = h->nwaiting > h->closing;

	if (starves == h->starved)
		return;
	h->starved = starves;
	if (starves)
		TAILQ_INSERT_TAIL(&starved, h, starved_next);
	else
		TAILQ_REMOVE(&starved, h, starved_next);
}

static void wait_in(struct hop *h, struct job *j)
{
	TAILQ_INSERT_TAIL(&h->waiting, j, next);
	h->nwaiting++;
	line_up(h);
}

static void wait_no_more(struct hop *h, struct job *j)
{
	TAILQ_REMOVE(&h->waiting, j, next);
	h->nwaiting--;
	line_up(h);
}

static struct job *take_waiting(struct hop *h)
{
	struct job *j = TAILQ_FIRST(&h->waiting);

	if (j == NULL)
		return NULL;
	wait_no_more(h, j);
	/* to the end of the line, so that one next hop does not hold up the others */
	if (h->starved) {
		TAILQ_REMOVE(&starved, h, starved_next);
		TAILQ_INSERT_TAIL(&starved, h, starved_next);
	}
	return j;
}

static void connect_for(struct hop *h, struct job *j)
{
	h->sessions++;
	connections++;
	session_open(h, j);
}

/* A connection has become free: whoever waits longest gets one. */
static void serve_starved(void)
{
	struct hop *h;

	while (connections < settings()->connections && (h = TAILQ_FIRST(&starved)) != NULL)
		connect_for(h, take_waiting(h));
}

/* --- for jobs --------------------------------------------------------------------------------- */

static struct session *take_idle(struct hop *h)
{
	struct session *s = TAILQ_FIRST(&h->idle);

	if (s != NULL)
		hop_session_not_idle(s);
	return s;
}

static const struct way_hop *turn_of(const struct job *j)
{
	return &j->way.hop[j->order[j->at]];
}

static void refuse(struct job *j)
{
	const struct way_hop *h = turn_of(j);
	struct outcome o;
	struct status st;

	status_set(&st, 451, "4.3.5", "next hop \"%.*s\" with TLS policy \"%.*s\" is not valid",
	    STR_ARG(h->nexthop), STR_ARG(h->tls));
	o = (struct outcome){ .status = &st };
	if (hop_submit_elsewhere(j, &o))
		return;
	job_settle_rest(j, &o);
	job_finish(j);
}

/* What is true of the mail and not of the way there is true everywhere: no such thing (RFC 7505), a loop.
 */
static bool elsewhere_too(const struct status *st)
{
	return strcmp(st->enhanced, "5.1.10") == 0 || strcmp(st->enhanced, "5.4.6") == 0;
}

bool hop_submit_elsewhere(struct job *j, const struct outcome *o)
{
	struct tag tag = job_tag(j);

	if (j->way.n > 1)
		choice_note_down(turn_of(j), loop_now());
	if (j->at + 1 >= j->way.n || elsewhere_too(o->status))
		return false;
	log_info(&tag, EV("remote-next-hop"), KS("nexthop", turn_of(j)->nexthop),
	    KS("relay", o->relay), KZ("reason", o->status->text));
	j->at++;
	/* what has been said was about that one */
	j->reaction = (struct job_reaction){ .undecided = j->reaction.undecided };
	credential_release(j->credential);
	j->credential = NULL;
	j->fresh = false;
	hop_submit(j);
	return true;
}

void hop_choose(struct job *j)
{
	static uint64_t seed;

	if (seed == 0)
		seed = id_random();
	j->at = 0;
	choice_order(&j->way, &seed, loop_now(), j->order);
}

/* Waits: what is wrong with a login is wrong at all addresses, and nothing goes elsewhere without it. */
static void refuse_login(struct job *j, const struct status *st)
{
	job_settle_rest(j, &(struct outcome){ .status = st });
	job_finish(j);
}

static void on_credential(struct ask *a, struct ipc_msg *m)
{
	struct job *j = a->arg;
	struct status st;

	j->credential = credential_take(m, &st);
	if (j->credential == NULL)
		refuse_login(j, &st);
	else
		hop_submit(j);
}

static bool logs_in(const struct way_hop *h)
{
	struct tls_wish w;

	return tls_wish_parse(h->tls, &w) == 0 && w.auth;
}

void hop_submit(struct job *j)
{
	struct hop *h;
	struct session *s;

	j->hop = NULL;
	j->session = NULL;
	if (j->credential == NULL && logs_in(turn_of(j))) {
		credential_ask(&j->ask, j, 0, on_credential, j);
		return;
	}
	h = get(&(struct hop_question){ .transport = j->d.transport, .hop = *turn_of(j) },
	    &j->d.source, j->credential);

	if (h == NULL) {
		refuse(j);
		return;
	}
	j->hop = h;
	s = j->fresh ? NULL : take_idle(h);
	if (s != NULL) {
		session_run(s, j);
		return;
	}
	wait_in(h, j);
	/* an idle connection to elsewhere makes room */
	if (h->starved && connections >= settings()->connections && !TAILQ_EMPTY(&idle))
		session_quit(TAILQ_LAST(&idle, session_list));
	else
		serve_starved();
}

void hop_withdraw(struct job *j)
{
	struct hop *h = j->hop;

	if (h == NULL) /* it waits for its login */
		return;
	wait_no_more(h, j);
	drop_if_unused(h);
}

/* --- for sessions ----------------------------------------------------------------------------- */

struct job *hop_session_free(struct session *s)
{
	struct hop *h = s->hop;
	struct job *j = take_waiting(h);

	if (j != NULL && !j->fresh)
		return j;
	if (j != NULL)
		wait_in(h, j);
	if (closing || settings()->idle == 0 ||
	    (connections >= settings()->connections && !TAILQ_EMPTY(&starved))) {
		session_quit(s);
		return NULL;
	}
	s->idle = true;
	TAILQ_INSERT_HEAD(&h->idle, s, idle_next);
	TAILQ_INSERT_HEAD(&idle, s, all_idle_next);
	return NULL;
}

void hop_session_not_idle(struct session *s)
{
	if (!s->idle)
		return;
	s->idle = false;
	TAILQ_REMOVE(&s->hop->idle, s, idle_next);
	TAILQ_REMOVE(&idle, s, all_idle_next);
}

void hop_session_closing(struct session *s)
{
	hop_session_not_idle(s);
	s->closing = true;
	s->hop->closing++;
	line_up(s->hop);
	connections--;
	serve_starved();
}

void hop_session_gone(struct session *s)
{
	struct hop *h = s->hop;

	hop_session_not_idle(s);
	s->hop = NULL;
	if (s->closing)
		h->closing--;
	else
		connections--;
	line_up(h);
	h->sessions--;
	serve_starved();
	drop_if_unused(h);
}

void hop_close_idle(void)
{
	struct session *s;

	closing = true;
	while ((s = TAILQ_FIRST(&idle)) != NULL)
		session_quit(s);
}

/* --- for whoever explains --------------------------------------------------------------------- */

struct hop *hop_pin(const struct hop_question *q)
{
	static const struct deliver_source any;
	struct hop *h = get(q, &any, NULL);

	if (h != NULL)
		h->pins++;
	return h;
}

void hop_unpin(struct hop *h)
{
	h->pins--;
	drop_if_unused(h);
}
