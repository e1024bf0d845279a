/* Questions and their answers, each a job: the addresses of its host, then the exchange. See serve.h. */
#include "serve.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/log.h"
#include "kind.h"
#include "limits.h"
#include "proto/proc.h"
#include "proto/resolve.h"
#include "proto/types.h"

struct job {
	LIST_ENTRY(job) all;
	struct chan *chan;
	struct chan_ref ref;
	struct tag tag;
	const struct kind *kind;
	struct place place;
	struct buf body, authorization;
	uint64_t began;
	struct ask ask; /* for the addresses */
	struct timer now; /* there is nothing to ask for */
	struct exchange exchange;
};

static LIST_HEAD(, job) jobs = LIST_HEAD_INITIALIZER(jobs);
static unsigned njobs;
static const struct settings *settings;
static void (*drained)(void);
static uint64_t counts[FETCH_OUTCOMES];

void serve_settings(const struct settings *s)
{
	settings = s;
}

/* --- jobs ------------------------------------------------------------------------------------- */

static void forget(struct buf *secret)
{
	if (secret->p != NULL)
		explicit_bzero(secret->p, secret->n);
	buf_clear(secret);
}

static void job_free(struct job *j)
{
	ask_cancel(&j->ask);
	timer_clear(&j->now);
	exchange_clear(&j->exchange);
	forget(&j->body);
	forget(&j->authorization);
	LIST_REMOVE(j, all);
	njobs--;
	free(j);
	if (njobs == 0 && drained != NULL)
		drained();
}

static struct str cut(const char *text, size_t max)
{
	return str_take(str_of(text), max);
}

/* What a server sends there ends up in lines. */
static struct str one_line(const char *text, size_t max)
{
	struct str s = cut(text, max);

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return STR_NONE;
	return s;
}

static void job_end(struct job *j, enum fetch_outcome outcome, const char *why)
{
	const struct exchange *x = &j->exchange;
	bool answered = outcome == FETCH_ANSWERED;
	struct fetch_reply r = {
		.outcome = (uint8_t)outcome,
		.status = answered ? (uint16_t)x->status : 0,
		.type = answered ? one_line(x->type, FETCH_TYPE_MAX) : STR_NONE,
		.body = answered ? buf_view(&x->answer) : STR_NONE,
		.why = answered ? STR_NONE : one_line(why, FETCH_WHY_MAX),
	};
	struct put w = put_start();

	counts[outcome]++;
	if (answered)
		log_info(&j->tag, EV("fetched"), KZ("kind", j->kind->name),
		    KZ("host", j->place.host), KI("status", r.status), KI("size", x->bytes),
		    KI("ms", loop_now() - j->began));
	else
		log_info(&j->tag, EV("fetch-failed"), KZ("kind", j->kind->name),
		    KZ("host", j->place.host), KZ("outcome", fetch_outcome_name(r.outcome)),
		    KS("why", r.why), KI("ms", loop_now() - j->began));
	put_fetch_reply(&w, &r);
	chan_answer(j->chan, j->ref, FETCH_ASK, &w, NULL, 0);
	job_free(j);
}

static void on_exchange(struct exchange *x)
{
	struct job *j = (struct job *)((char *)x - offsetof(struct job, exchange));

	job_end(j, x->outcome, x->why);
}

/* --- addresses -------------------------------------------------------------------------------- */

static uint64_t time_left(const struct job *j)
{
	uint64_t spent = loop_now() - j->began;

	return spent < settings->timeout ? settings->timeout - spent : 1;
}

static void connect_to(struct job *j, const struct ip *ips, unsigned n)
{
	exchange_begin(&j->exchange,
	    &(struct request){
		.place = &j->place,
		.ips = ips,
		.nips = n,
		.post = j->kind->post,
		.content_type = j->kind->content_type,
		.body = buf_view(&j->body),
		.authorization = buf_view(&j->authorization),
		.answer_max = j->kind->answer_max,
		.ms = time_left(j),
	    },
	    on_exchange);
}

static unsigned take_allowed(const struct dns_answer *a, struct ip *ips, unsigned n, unsigned max)
{
	for (uint32_t i = 0; i < a->nrecords && n < max; i++)
		if (settings_allow(settings, &a->records[i].ip))
			ips[n++] = a->records[i].ip;
	return n;
}

static void take_addresses(struct job *j, const struct resolve_reply *r)
{
	struct ip ips[ADDRESSES_MAX];
	unsigned n = 0;
	bool any = false, sure = true;

	for (unsigned i = 0; i < r->n; i++) {
		any = any || r->answers[i].nrecords > 0;
		sure = sure && (r->answers[i].status == DNS_OK || dns_empty(r->answers[i].status));
		n = take_allowed(
		    &r->answers[i], ips, n, i == 0 ? ADDRESSES_MAX / 2 : ADDRESSES_MAX);
	}
	if (n > 0)
		connect_to(j, ips, n);
	else
		job_end(j, FETCH_NO_ADDRESS,
		    any    ? "it has private addresses only"
		    : sure ? "it has no address"
			   : "DNS does not tell its address");
}

static void on_addresses(struct ask *a, struct ipc_msg *m)
{
	struct job *j = a->arg;
	struct resolve_reply r;
	struct arena arena;
	struct get g;

	arena_init(&arena);
	if (m != NULL)
		g = get_start(m->body);
	if (m == NULL || m->type != RESOLVE_ASK || get_resolve_reply(&g, &arena, &r) == -1)
		job_end(j, FETCH_NO_ADDRESS, "the resolver does not answer");
	else
		take_addresses(j, &r);
	arena_clear(&arena);
}

static void on_literal(void *arg)
{
	struct job *j = arg;
	struct ip ip;

	if (ip_parse(str_of(j->place.host), &ip) == -1)
		job_end(j, FETCH_NO_ADDRESS, "it has no valid name");
	else if (!settings_allow(settings, &ip))
		job_end(j, FETCH_NO_ADDRESS, "that is a private address");
	else
		connect_to(j, &ip, 1);
}

static void find_addresses(struct job *j)
{
	struct resolve_question q = { .trace = j->tag.trace,
		.name = str_of(j->place.host),
		.types = { DNS_AAAA, DNS_A },
		.ntypes = 2 };
	struct put w = put_start();
	struct ip ip;

	if (ip_parse(q.name, &ip) == 0 || !dns_name_valid(q.name)) {
		timer_set(&j->now, 0, on_literal, j);
		return;
	}
	put_resolve_question(&w, &q);
	chan_ask(proc_peer(ROLE_RESOLVER), &j->ask, RESOLVE_ASK, &w, NULL, 0, time_left(j),
	    on_addresses, j);
}

/* --- questions -------------------------------------------------------------------------------- */

static void refuse(struct chan *c, const struct ipc_msg *m, const struct fetch_question *q,
    enum fetch_outcome outcome, const char *why)
{
	struct fetch_reply r = {
		.outcome = (uint8_t)outcome, .type = STR_NONE, .body = STR_NONE, .why = str_of(why)
	};
	struct tag tag = { .trace = q->trace };
	struct put w = put_start();

	counts[outcome]++;
	log_warning(&tag, EV("fetch-refused"), KZ("kind", kind_of(q->kind)->name),
	    KS("target", q->target), KZ("who", role_name(c->role)), KZ("why", why));
	put_fetch_reply(&w, &r);
	chan_reply(c, m, FETCH_ASK, &w, NULL, 0);
}

static unsigned jobs_of(const struct kind *k)
{
	unsigned n = 0;
	struct job *j;

	LIST_FOREACH (j, &jobs, all)
		n += j->kind == k;
	return n;
}

static void copy(struct buf *to, struct str from)
{
	buf_init(to, from.n);
	buf_str(to, from);
}

static int on_ask(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	const struct kind *k;
	struct fetch_question q;
	struct place place;
	const char *why;
	struct job *j;

	if (get_fetch_question(&g, &q) == -1)
		return -1;
	k = kind_of(q.kind);
	why = kind_refuse(k, settings, c->role, &q, &place);
	if (why != NULL) {
		refuse(c, m, &q, FETCH_REFUSED, why);
		return 0;
	}
	if (njobs >= JOBS_MAX || jobs_of(k) >= k->jobs) {
		refuse(c, m, &q, FETCH_BUSY, "too many at once");
		return 0;
	}
	j = xcalloc(1, sizeof *j);
	j->chan = c;
	j->ref = (struct chan_ref){ m->id, m->gen };
	j->tag.trace = q.trace;
	j->kind = k;
	j->place = place;
	j->began = loop_now();
	copy(&j->body, q.body);
	copy(&j->authorization, q.authorization);
	ipc_wipe(m);
	LIST_INSERT_HEAD(&jobs, j, all);
	njobs++;
	find_addresses(j);
	return 0;
}

const struct chan_row serve_rows[] = { { FETCH_ASK, 0, on_ask }, { 0 } };

/* --- channels --------------------------------------------------------------------------------- */

void serve_peer_down(struct chan *c)
{
	struct job *j = LIST_FIRST(&jobs), *next;

	for (; j != NULL; j = next) {
		next = LIST_NEXT(j, all);
		if (j->chan == c)
			job_free(j);
	}
}

void serve_drain(void (*done)(void))
{
	drained = done;
	if (njobs == 0)
		done();
}

void serve_status(struct buf *out)
{
	buf_printf(out, "running %u\n", njobs);
	for (unsigned i = 0; i < FETCH_OUTCOMES; i++)
		buf_printf(out, "%s %llu\n", fetch_outcome_name((uint8_t)i),
		    (unsigned long long)counts[i]);
}
