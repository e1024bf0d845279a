/* Questions and their answers. See serve.h. */
#include "serve.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "client.h"
#include "late.h"
#include "library.h"
#include "mail.h"
#include "proto/resolve.h"
#include "proto/types.h"

enum { JOBS_MAX = 20 * 1000 /* at the same time, of all peers together */ };

struct job {
	LIST_ENTRY(job) all;
	struct chan *chan;
	struct chan_ref ref;
	struct tag tag;
	struct str name;
	struct timer deadline;
	struct arena arena;
	void (*stop)(struct job *j); /* its time is over: answers with what is there */
	struct query queries[RESOLVE_TYPES_MAX];
	unsigned nqueries, pending;
	struct mail_search mail;
	bool host; /* of the question about mail */
	struct client_search *client; /* in the arena: it is large */
};

static LIST_HEAD(, job) jobs = LIST_HEAD_INITIALIZER(jobs);
static unsigned njobs;
static uint64_t timeout;
static void (*drained)(void);
static struct {
	uint64_t asked, mail, clients, late, refused, status[DNS_STATUSES], secure;
} counts;

void serve_timeout(uint64_t ms)
{
	timeout = ms;
}

/* --- jobs ------------------------------------------------------------------------------------ */

static void job_free(struct job *j)
{
	for (unsigned i = 0; i < j->nqueries; i++)
		library_forget(&j->queries[i]);
	if (j->mail.done != NULL)
		mail_search_stop(&j->mail);
	if (j->client != NULL)
		client_search_stop(j->client);
	timer_clear(&j->deadline);
	LIST_REMOVE(j, all);
	njobs--;
	arena_clear(&j->arena);
	free(j);
	if (njobs == 0 && drained != NULL)
		drained();
}

static void on_deadline(void *arg)
{
	struct job *j = arg;

	counts.late++;
	log_info(&j->tag, EV("dns-timeout"), KS("name", j->name));
	j->stop(j);
}

static struct job *job_new(struct chan *c, const struct ipc_msg *m, uint64_t trace, struct str name,
    void (*stop)(struct job *j))
{
	struct job *j = xcalloc(1, sizeof *j);

	j->chan = c;
	j->ref = (struct chan_ref){ m->id, m->gen };
	j->tag.trace = trace;
	j->stop = stop;
	arena_init(&j->arena);
	j->name = arena_str(&j->arena, name);
	timer_set(&j->deadline, timeout, on_deadline, j);
	LIST_INSERT_HEAD(&jobs, j, all);
	njobs++;
	return j;
}

static void count(uint8_t status, uint8_t security)
{
	counts.status[status]++;
	counts.secure += security == DNS_SECURE;
}

static void tell_bogus(const struct job *j, struct str why)
{
	log_warning(&j->tag, EV("dns-bogus"), KS("name", j->name), KS("why", why));
}

/* Too much to do: the asker hears it at once, and not at its deadline. */
static bool full(void)
{
	if (njobs < JOBS_MAX)
		return false;
	counts.refused++;
	return true;
}

/* --- records --------------------------------------------------------------------------------- */

static void answer_records(struct job *j)
{
	struct resolve_reply reply = { .n = (uint8_t)j->nqueries, .why = STR_NONE };
	struct put w = put_start();

	for (unsigned i = 0; i < j->nqueries; i++) {
		struct query *q = &j->queries[i];

		if (q->flight != NULL)
			q->answer = (struct dns_answer){
				.type = q->type, .status = DNS_TEMPORARY, .canonical = STR_NONE
			};
		reply.answers[i] = q->answer;
		count(q->answer.status, q->answer.security);
		if (q->answer.status == DNS_BOGUS) {
			reply.why = q->why;
			tell_bogus(j, q->why);
		}
	}
	put_resolve_reply(&w, &reply);
	chan_answer(j->chan, j->ref, RESOLVE_ASK, &w, NULL, 0);
	job_free(j);
}

static void one_less(struct job *j)
{
	if (--j->pending == 0)
		answer_records(j);
}

static void on_records(struct query *q)
{
	one_less(q->arg);
}

static void refuse_records(
    struct chan *c, const struct ipc_msg *m, const struct resolve_question *q)
{
	struct resolve_reply reply = { .n = q->ntypes, .why = STR("too many questions") };
	struct put w = put_start();

	for (unsigned i = 0; i < q->ntypes; i++)
		reply.answers[i] = (struct dns_answer){
			.type = q->types[i], .status = DNS_TEMPORARY, .canonical = STR_NONE
		};
	put_resolve_reply(&w, &reply);
	chan_reply(c, m, RESOLVE_ASK, &w, NULL, 0);
}

static int on_ask(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct resolve_question q;
	struct job *j;

	if (get_resolve_question(&g, &q) == -1)
		return -1;
	counts.asked++;
	if (full()) {
		refuse_records(c, m, &q);
		return 0;
	}
	j = job_new(c, m, q.trace, q.name, answer_records);
	j->nqueries = q.ntypes;
	j->pending = j->nqueries + 1u; /* answers may come from within */
	for (unsigned i = 0; i < j->nqueries; i++)
		library_ask(&j->queries[i], j->name, q.types[i], &j->arena, on_records, j);
	one_less(j);
	return 0;
}

/* --- mail ------------------------------------------------------------------------------------ */

static void answer_mail(struct job *j)
{
	const struct mail_reply *reply = &j->mail.reply;
	struct put w = put_start();
	bool bogus = reply->status == DNS_BOGUS;

	count(reply->status, reply->security);
	for (uint32_t i = 0; i < reply->nhosts; i++)
		bogus = bogus || reply->hosts[i].status == DNS_BOGUS;
	if (bogus)
		tell_bogus(j, reply->why);
	put_mail_reply(&w, reply);
	chan_answer(j->chan, j->ref, RESOLVE_MAIL, &w, NULL, 0);
	job_free(j);
}

static void on_mail_found(struct mail_search *s)
{
	struct job *j = (struct job *)((char *)s - offsetof(struct job, mail));

	answer_mail(j);
}

static void stop_mail(struct job *j)
{
	mail_search_stop(&j->mail);
	if (j->mail.reply.status == DNS_TEMPORARY)
		late_note(
		    &(struct mail_question){ .domain = j->name, .host = j->host }, loop_now());
	answer_mail(j);
}

static void refuse_mail(struct chan *c, const struct ipc_msg *m, struct str why)
{
	struct mail_reply reply = { .status = DNS_TEMPORARY, .why = why };
	struct put w = put_start();

	put_mail_reply(&w, &reply);
	chan_reply(c, m, RESOLVE_MAIL, &w, NULL, 0);
}

static int on_mail(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct mail_question q;
	struct job *j;

	if (get_mail_question(&g, &q) == -1)
		return -1;
	counts.mail++;
	if (full()) {
		refuse_mail(c, m, STR("too many questions"));
		return 0;
	}
	if (late_lately(&q, loop_now())) {
		refuse_mail(c, m, STR("there was no answer a moment ago"));
		return 0;
	}
	j = job_new(c, m, q.trace, q.domain, stop_mail);
	j->host = q.host;
	q.domain = j->name;
	mail_search(&j->mail, &q, &j->arena, on_mail_found);
	return 0;
}

/* --- clients --------------------------------------------------------------------------------- */

static void answer_client(struct job *j)
{
	struct put w = put_start();

	put_client_reply(&w, &j->client->reply);
	chan_answer(j->chan, j->ref, RESOLVE_CLIENT, &w, NULL, 0);
	job_free(j);
}

static void on_client_found(struct client_search *s)
{
	answer_client(s->owner);
}

static void stop_client(struct job *j)
{
	client_search_stop(j->client);
	answer_client(j);
}

static int on_client(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct client_question q;
	char text[IP_TEXT];
	struct job *j;

	if (get_client_question(&g, &q) == -1)
		return -1;
	counts.clients++;
	if (full()) {
		struct client_reply busy = { .name_status = DNS_TEMPORARY };
		struct put w = put_start();

		put_client_reply(&w, &busy);
		chan_reply(c, m, RESOLVE_CLIENT, &w, NULL, 0);
		return 0;
	}
	ip_format(&q.ip, text);
	j = job_new(c, m, q.trace, str_of(text), stop_client);
	if (timeout > CLIENT_MS)
		timer_set(&j->deadline, CLIENT_MS, on_deadline, j);
	j->client = arena_alloc(&j->arena, sizeof *j->client);
	j->client->owner = j;
	client_search(j->client, &q, &j->arena, on_client_found);
	return 0;
}

/* --- channels -------------------------------------------------------------------------------- */

const struct chan_row serve_rows[] = {
	{ RESOLVE_ASK, 0, on_ask },
	{ RESOLVE_MAIL, 0, on_mail },
	{ 0 },
};
const struct chan_row serve_client_rows[] = { { RESOLVE_CLIENT, 0, on_client }, { 0 } };

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
	buf_printf(out,
	    "questions %llu\nmail-questions %llu\nclients %llu\nrunning %u\nflights %u\nlate %llu\n"
	    "refused %llu\nsecure %llu\n",
	    (unsigned long long)counts.asked, (unsigned long long)counts.mail,
	    (unsigned long long)counts.clients, njobs, library_flights(),
	    (unsigned long long)counts.late, (unsigned long long)counts.refused,
	    (unsigned long long)counts.secure);
	for (unsigned i = 0; i < DNS_STATUSES; i++)
		buf_printf(
		    out, "%s %llu\n", dns_status_name(i), (unsigned long long)counts.status[i]);
}
