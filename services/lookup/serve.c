/* Questions and their answers. See serve.h. */
#include "serve.h"

#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "base/alloc.h"
#include "lane.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "rcpt.h"
#include "route.h"
#include "sender.h"

enum {
	ACCOUNT_MS = 5 * 1000, /* deadline of a question to auth */
	ATTEMPTS_MAX = 1000, /* of one job: each learns up to WANTED_MAX accounts */
	JOBS_MAX = 20 * 1000, /* waiting at the same time */
	REFRESH_MS = 1000,
	PACKET_FILL = IPC_BODY_MAX - 4096, /* a route more would perhaps not fit */
	OUT_PAUSE = CHAN_OUT_MAX / 4, /* a long answer waits while the peer has that much to read */
	PAUSE_MS = 2,
};

/* A question that could not be answered at once. */
struct job {
	TAILQ_ENTRY(job) all;
	struct chan *chan;
	struct chan_ref ref;
	uint16_t type;
	char *body;
	size_t nbody;
	struct arena memory; /* memos */
	struct strmap memos;
	struct account_ask *asks;
	unsigned pending, attempts;
	struct timer pause; /* of a long answer */
	struct arena results;
	struct routes routes;
};

struct account_ask {
	struct ask ask; /* first */
	struct job *job;
	struct str address;
};

static TAILQ_HEAD(, job) jobs = TAILQ_HEAD_INITIALIZER(jobs);
static unsigned njobs;
static void (*drained)(void);
static struct policy *policy;
static uint64_t refreshed;
static struct arena scratch;
static struct {
	uint64_t client, rcpt, sender, route, explain, lane, waited;
} counts;

void serve_policy(struct policy *p)
{
	policy = p;
	refreshed = 0;
}

static void told(const struct table *t, bool changed, bool stale)
{
	struct str spec = table_spec(t);

	if (changed && table_trouble(t)[0] != '\0')
		log_error(NULL, EV("table-failed"), KS("table", spec), KZ("why", table_trouble(t)));
	else if (changed)
		log_info(NULL, EV("table-changed"), KS("table", spec));
	if (stale)
		log_warning(NULL, EV("table-stale"), KS("table", spec), KZ("why", table_stale(t)));
}

static void refresh(void)
{
	uint64_t now = loop_now();

	if (refreshed != 0 && now - refreshed < REFRESH_MS)
		return;
	refreshed = now;
	policy_refresh(policy, now, told);
}

/* --- one attempt ----------------------------------------------------------------------------- */

/* A question on its way through an attempt. */
struct attempt {
	struct run run;
	struct chan *chan;
	struct chan_ref ref;
	uint16_t type;
	struct job *job; /* NULL: the first attempt */
};

/* -1: malformed. 0: answered, or its job goes on. 1: accounts are wanted. */
typedef int attempt_fn(struct attempt *t, struct get *g);

static int answer(struct attempt *t, const struct access_answer *a)
{
	struct put w;

	if (run_waits(&t->run))
		return 1;
	w = put_start();
	put_access_answer(&w, a);
	chan_answer(t->chan, t->ref, t->type, &w, NULL, 0);
	return 0;
}

static int answer_access(struct attempt *t, struct get *g,
    void (*fn)(struct run *, const struct access_question *, struct access_answer *))
{
	struct access_question q;
	struct access_answer a;

	if (get_access_question(g, &q) == -1)
		return -1;
	t->run.tag.trace = q.trace;
	fn(&t->run, &q, &a);
	return answer(t, &a);
}

static int on_client(struct attempt *t, struct get *g)
{
	return answer_access(t, g, access_answer_client);
}

static int on_rcpt(struct attempt *t, struct get *g)
{
	return answer_access(t, g, rcpt_answer);
}

static int on_sender(struct attempt *t, struct get *g)
{
	struct sender_question q;
	struct access_answer a;

	if (get_sender_question(g, &q) == -1)
		return -1;
	t->run.tag.trace = q.trace;
	sender_answer(&t->run, &q, &a);
	return answer(t, &a);
}

static int on_lane(struct attempt *t, struct get *g)
{
	struct lane_question q;
	struct lane_answer a;
	struct put w;

	if (get_lane_question(g, &q) == -1)
		return -1;
	t->run.tag.trace = q.trace;
	lane_answer(&t->run, &q, &a);
	w = put_start();
	put_lane_answer(&w, &a);
	chan_answer(t->chan, t->ref, LOOKUP_LANE, &w, NULL, 0);
	return 0;
}

static void fill_route(const struct result *res, struct route *r)
{
	*r = (struct route){ .transport = res->transport,
		.addr = str_take(res->addr, ADDRESS_MAX),
		.nexthop = res->nexthop,
		.way = res->way,
		.pool = str_take(res->pool, SOURCE_NAME_MAX),
		.pool_rule = str_take(res->pool_rule, RULE_MAX),
		.owner = str_take(res->owner, ADDRESS_MAX),
		.home = res->home,
		.folder = STR_NONE,
		.uid = res->uid,
		.gid = res->gid,
		.rule = str_take(res->rule, RULE_MAX) };
	if (res->status != NULL)
		r->status = *res->status;
}

static size_t route_size(const struct result *res)
{
	return 64 + res->addr.n + res->nexthop.n + res->way.n + res->pool.n + res->owner.n +
	       res->home.n + 2 * RULE_MAX +
	       (res->status == NULL ? 0 : STATUS_TEXT_MAX + STATUS_ENHANCED_MAX);
}

/* Sends one packet of the routes and moves on; true when it was the last. */
static bool send_some(struct chan *c, struct chan_ref ref, struct routes *routes)
{
	static struct route part[IPC_BODY_MAX / 256];
	struct route_answer a = { .expanded = routes->expanded, .routes = part };
	struct put w = put_start();
	size_t bytes = 0;

	while (routes->first != NULL && a.nroutes < sizeof part / sizeof part[0] &&
	       (bytes += route_size(routes->first)) < PACKET_FILL) {
		fill_route(routes->first, &part[a.nroutes++]);
		routes->first = routes->first->next;
	}
	a.more = routes->first != NULL;
	put_route_answer(&w, &a);
	if (!a.more)
		chan_answer(c, ref, LOOKUP_ROUTE, &w, NULL, 0);
	else if (chan_answer_part(c, ref, LOOKUP_ROUTE, &w) == -1)
		return true;
	return !a.more;
}

static struct job *job_new(struct attempt *t, struct str body);
static void job_free(struct job *j);

static void send_more(void *arg)
{
	struct job *j = arg;

	while (j->chan->out_bytes < OUT_PAUSE) {
		if (send_some(j->chan, j->ref, &j->routes)) {
			job_free(j);
			return;
		}
	}
	timer_set(&j->pause, PAUSE_MS, send_more, j);
}

static int on_route(struct attempt *t, struct get *g)
{
	struct route_question q;
	struct routes routes;

	if (get_route_question(g, &q) == -1)
		return -1;
	t->run.tag.trace = q.trace;
	route_answer(&t->run, &q, &routes);
	if (run_waits(&t->run))
		return 1;
	if (send_some(t->chan, t->ref, &routes))
		return 0;
	/* the rest when the peer has read that: the job keeps what the routes are made of */
	if (t->job == NULL)
		t->job = job_new(t, STR_NONE);
	t->job->results = scratch;
	arena_init(&scratch);
	t->job->routes = routes;
	timer_set(&t->job->pause, 0, send_more, t->job);
	return 0;
}

/* The same way as on_route(), for what was looked at on it. */
static int on_explain(struct attempt *t, struct get *g)
{
	static struct lookup_step space[LOOKUP_STEPS_MAX];
	struct run_steps steps = { .step = space };
	struct route_question q;
	struct routes routes;
	struct put w;

	if (get_route_question(g, &q) == -1)
		return -1;
	t->run.tag.trace = q.trace;
	t->run.steps = &steps;
	route_answer(&t->run, &q, &routes);
	if (run_waits(&t->run))
		return 1;
	w = put_start();
	put_lookup_steps(&w, space, steps.n, steps.more);
	chan_answer(t->chan, t->ref, LOOKUP_EXPLAIN, &w, NULL, 0);
	return 0;
}

struct kind {
	uint16_t type;
	attempt_fn *fn;
	uint64_t *count;
};
static const struct kind kinds[] = { { LOOKUP_CLIENT, on_client, &counts.client },
	{ LOOKUP_RCPT, on_rcpt, &counts.rcpt }, { LOOKUP_SENDER, on_sender, &counts.sender },
	{ LOOKUP_ROUTE, on_route, &counts.route }, { LOOKUP_EXPLAIN, on_explain, &counts.explain },
	{ LOOKUP_LANE, on_lane, &counts.lane } };

static const struct kind *kind_of(uint16_t type)
{
	const struct kind *k = kinds;

	while (k->type != type)
		k++;
	return k;
}

/* --- jobs ------------------------------------------------------------------------------------ */

static struct job *job_new(struct attempt *t, struct str body)
{
	struct job *j = xcalloc(1, sizeof *j);

	j->chan = t->chan;
	j->ref = t->ref;
	j->type = t->type;
	j->body = str_dup(body);
	j->nbody = body.n;
	arena_init(&j->memory);
	arena_init(&j->results);
	TAILQ_INSERT_TAIL(&jobs, j, all);
	njobs++;
	counts.waited++;
	return j;
}

static void stop_asking(struct job *j)
{
	for (unsigned i = 0; j->asks != NULL && i < WANTED_MAX; i++)
		ask_cancel(&j->asks[i].ask);
	free(j->asks);
	j->asks = NULL;
	j->pending = 0;
}

static void job_free(struct job *j)
{
	stop_asking(j);
	timer_clear(&j->pause);
	TAILQ_REMOVE(&jobs, j, all);
	njobs--;
	strmap_clear(&j->memos);
	arena_clear(&j->memory);
	arena_clear(&j->results);
	free(j->body);
	free(j);
	if (njobs == 0 && drained != NULL)
		drained();
}

static void ask_accounts(struct job *j, const struct run *r);

/* Answers the job, or asks for what is missing. */
static void job_try(struct job *j)
{
	struct attempt t = { .chan = j->chan, .ref = j->ref, .type = j->type, .job = j };
	struct get g = get_start(str_bytes(j->body, j->nbody));
	int r;

	refresh();
	arena_reset(&scratch);
	t.run.policy = policy;
	t.run.arena = &scratch;
	t.run.memos = &j->memos;
	r = kind_of(j->type)->fn(&t, &g);
	if (r == 1 && ++j->attempts < ATTEMPTS_MAX)
		ask_accounts(j, &t.run);
	else if (j->routes.first == NULL)
		job_free(j);
}

static void remember(
    struct job *j, struct str address, enum account_state state, const struct account *account)
{
	struct memo *m = arena_alloc(&j->memory, sizeof *m);

	m->state = state;
	if (state == ACCOUNT_FOUND) {
		m->account = *account;
		m->account.address = arena_str(&j->memory, account->address);
		m->account.home = arena_str(&j->memory, account->home);
		m->account.senders = arena_str(&j->memory, account->senders);
		m->account.targets = arena_str(&j->memory, account->targets);
	}
	strmap_put(&j->memos, address, m);
}

static void on_account(struct ask *ask, struct ipc_msg *m)
{
	struct account_ask *a = (struct account_ask *)ask;
	struct job *j = a->job;
	struct account account;
	bool found = false, good = false;

	if (m != NULL && m->type == AUTH_ACCOUNT) {
		struct get g = get_start(m->body);

		good = get_address(&g, &found, &account) == 0 &&
		       (!found || str_eq(account.address, a->address));
	}
	if (good)
		accounts_learn(a->address, found ? &account : NULL);
	remember(j, a->address,
	    !good   ? ACCOUNT_UNKNOWN
	    : found ? ACCOUNT_FOUND
		    : ACCOUNT_NONE,
	    &account);
	if (--j->pending > 0)
		return;
	stop_asking(j);
	job_try(j);
}

static void ask_accounts(struct job *j, const struct run *r)
{
	j->asks = xcalloc(WANTED_MAX, sizeof *j->asks);
	j->pending = r->nwanted;
	for (unsigned i = 0; i < r->nwanted; i++) {
		struct account_ask *a = &j->asks[i];
		struct put w = put_start();

		a->job = j;
		a->address = arena_str(&j->memory, r->wanted[i]);
		put_str(&w, a->address);
		chan_ask(proc_peer(ROLE_AUTH), &a->ask, AUTH_ACCOUNT, &w, NULL, 0, ACCOUNT_MS,
		    on_account, j);
	}
}

/* --- channels -------------------------------------------------------------------------------- */

static int on_question(struct chan *c, struct ipc_msg *m)
{
	static struct strmap nothing;
	const struct kind *kind = kind_of(m->type);
	struct attempt t = { .chan = c, .ref = { m->id, m->gen }, .type = m->type };
	struct get g = get_start(m->body);
	struct job *j;
	int r;

	++*kind->count;
	refresh();
	arena_reset(&scratch);
	t.run.policy = policy;
	t.run.arena = &scratch;
	t.run.memos = &nothing;
	r = kind->fn(&t, &g);
	if (r != 1)
		return r;
	if (njobs >= JOBS_MAX)
		return 0; /* the asker's deadline makes it a temporary error */
	j = job_new(&t, m->body);
	j->attempts = 1;
	ask_accounts(j, &t.run);
	return 0;
}

static int on_account_changed(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct str address = get_line(&g, LOGIN_MAX);

	(void)c;
	if (get_end(&g) == -1)
		return -1;
	accounts_forget(address);
	return 0;
}

const struct chan_row serve_smtpd_rows[] = { { LOOKUP_CLIENT, 0, on_question },
	{ LOOKUP_RCPT, 0, on_question }, { 0 } };
const struct chan_row serve_submit_rows[] = { { LOOKUP_CLIENT, 0, on_question },
	{ LOOKUP_RCPT, 0, on_question }, { LOOKUP_SENDER, 0, on_question }, { 0 } };
const struct chan_row serve_queue_rows[] = { { LOOKUP_ROUTE, 0, on_question },
	{ LOOKUP_EXPLAIN, 0, on_question }, { LOOKUP_LANE, 0, on_question }, { 0 } };
const struct chan_row serve_auth_rows[] = { { AUTH_CHANGED, 0, on_account_changed }, { 0 } };

void serve_peer_down(struct chan *c)
{
	struct job *j = TAILQ_FIRST(&jobs), *next;

	for (; j != NULL; j = next) {
		next = TAILQ_NEXT(j, all);
		if (j->chan == c)
			job_free(j);
	}
}

void serve_auth_changed(struct chan *c)
{
	(void)c;
	accounts_clear();
}

void serve_drain(void (*done)(void))
{
	drained = done;
	if (njobs == 0)
		done();
}

void serve_status(struct buf *out)
{
	struct accounts_counts a = accounts_counts();

	buf_printf(out,
	    "clients %llu\nrecipients %llu\nsenders %llu\nroutes %llu\nwaited %llu\nwaiting %u\n"
	    "accounts %zu\naccount-hits %llu\naccount-misses %llu\n",
	    (unsigned long long)counts.client, (unsigned long long)counts.rcpt,
	    (unsigned long long)counts.sender, (unsigned long long)counts.route,
	    (unsigned long long)counts.waited, njobs, a.entries, (unsigned long long)a.hits,
	    (unsigned long long)a.misses);
}
