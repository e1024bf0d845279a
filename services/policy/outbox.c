/* Reports on their way. See outbox.h. */
#include "outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/log.h"
#include "base/siphash.h"
#include "proto/fetch.h"
#include "proto/proc.h"
#include "proto/queue.h"
#include "proto/txt.h"
#include "proto/types.h"
#include "sign.h"
#include "tallies.h"

enum {
	JOBS_MAX = 8, /* at once */
	TICK_MS = 5000,
	AGAIN_S = 3600,
	TRIES_MAX = 24, /* RFC 8460 5.5: for a day */
	QUEUE_MS = 60 * 1000,
};

/* One report that is not finished. */
struct job {
	char *domain;
	int64_t begin, due;
	bool reported; /* it is only kept until its day is over */
	bool asked; /* somebody has the question */
	struct tally *tally; /* while it is worked at */
	unsigned at; /* place that is its turn */
	struct ask ask;
	struct signing signing;
	TAILQ_ENTRY(job) next;
};

static TAILQ_HEAD(, job) jobs = TAILQ_HEAD_INITIALIZER(jobs);
static unsigned njobs, running;
static struct timer timer;
static bool enabled;
static void (*drained)(void); /* NULL: work comes in */
static int64_t spread; /* seconds */
static struct reporter who;
static struct {
	uint64_t sent, failed, unwanted;
} counts;

static int64_t now(void)
{
	return (int64_t)time(NULL);
}

static void tick(void *arg);

/* --- the end of a job ------------------------------------------------------------------------- */

static void rest(struct job *j)
{
	tally_free(j->tally);
	j->tally = NULL;
	timer_set(&timer, 0, tick, NULL); /* another one may be due */
	if (--running == 0 && drained != NULL)
		drained();
}

static void job_free(struct job *j)
{
	rest(j);
	TAILQ_REMOVE(&jobs, j, next);
	njobs--;
	free(j->domain);
	free(j);
}

/* Its day must not begin again. */
static void finished(struct job *j)
{
	struct tally *t = j->tally;
	int64_t until = (t->begin / DAY_SECONDS + 1) * DAY_SECONDS;

	if (now() < until) {
		tally_empty(t);
		t->reported = true;
		if (tallies_keep(t) == 0) {
			j->due = until;
			j->reported = true;
			rest(j);
			return;
		}
	}
	tallies_drop(t);
	job_free(j);
}

static void later(struct job *j, const char *why)
{
	struct tally *t = j->tally;

	if (++t->tries >= TRIES_MAX) {
		log_warning(
		    NULL, EV("tls-report-given-up"), KZ("domain", t->domain), KZ("why", why));
		finished(j);
		return;
	}
	t->next = j->due = now() + AGAIN_S;
	tallies_keep(t);
	rest(j);
}

/* --- to one place ----------------------------------------------------------------------------- */

static void next_place(struct job *j);

static struct str place(const struct job *j)
{
	return str_of(j->tally->ruas[j->at].uri);
}

static void settled(struct job *j, bool good, struct str why)
{
	struct tally_rua *r = &j->tally->ruas[j->at++];

	if (good) {
		counts.sent++;
		log_info(NULL, EV("tls-report-sent"), KZ("domain", j->domain), KZ("to", r->uri));
	} else {
		counts.failed++;
		log_warning(NULL, EV("tls-report-failed"), KZ("domain", j->domain),
		    KZ("to", r->uri), KS("why", why));
	}
	r->state = good ? RUA_DONE : RUA_TODO;
	tallies_keep(j->tally);
	next_place(j);
}

/* The answer was lost with whoever had the question: perhaps not before it was done. */
static void lost(struct job *j, const char *by)
{
	struct tally_rua *r = &j->tally->ruas[j->at];

	if (!j->asked) {
		settled(j, false, str_of(by));
		return;
	}
	log_warning(NULL, EV("tls-report-unknown"), KZ("domain", j->domain), KZ("to", r->uri));
	r->state = RUA_DONE;
	j->at++;
	tallies_keep(j->tally);
	next_place(j);
}

static void ask(struct job *j, enum role role, uint16_t type, const struct put *w, uint64_t ms,
    void (*done)(struct ask *a, struct ipc_msg *m))
{
	j->asked = proc_peer(role) != NULL;
	chan_ask(proc_peer(role), &j->ask, type, w, NULL, 0, ms, done, j);
}

static void on_posted(struct ask *a, struct ipc_msg *m)
{
	struct job *j = a->arg;
	struct fetch_reply r;
	char text[32];
	struct get g;

	if (m != NULL)
		g = get_start(m->body);
	if (m == NULL || m->type != FETCH_ASK || get_fetch_reply(&g, &r) == -1) {
		lost(j, "there is no HTTPS client");
	} else if (r.outcome != FETCH_ANSWERED) {
		settled(j, false, r.why.n > 0 ? r.why : str_of(fetch_outcome_name(r.outcome)));
	} else {
		snprintf(text, sizeof text, "status %u", r.status);
		settled(j, r.status / 100 == 2, str_of(text));
	}
}

static void post(struct job *j, struct str url, struct str gzip)
{
	struct fetch_question q = {
		.kind = FETCH_REPORT, .target = url, .authorization = STR_NONE, .body = gzip
	};
	struct put w = put_start();

	put_fetch_question(&w, &q);
	ask(j, ROLE_FETCH, FETCH_ASK, &w, FETCH_MS, on_posted);
}

static void on_queued(struct ask *a, struct ipc_msg *m)
{
	struct job *j = a->arg;
	struct status st;
	struct get g;

	if (m != NULL) {
		g = get_start(m->body);
		get_status(&g, &st);
	}
	if (m == NULL || m->type != QUEUE_REPORT || get_end(&g) == -1)
		lost(j, "there is no queue");
	else
		settled(j, st.code / 100 == 2, str_of(st.text));
}

/* What is about to be done is written down first. */
static bool begun(struct job *j)
{
	struct tally_rua *r = &j->tally->ruas[j->at];

	r->state = RUA_TRYING;
	if (tallies_keep(j->tally) == 0)
		return true;
	r->state = RUA_TODO;
	later(j, "it cannot be written down");
	return false;
}

static void on_signed(void *arg, const char *why)
{
	struct job *j = arg;
	struct buf text = j->signing.text; /* the job may end here, or begin with another place */
	struct put w = put_start();

	if (why != NULL) {
		settled(j, false, str_of(why));
	} else if (begun(j)) {
		put_queue_report(&w, &(struct queue_report){ .trace = id_random(),
					 .domain = str_of(j->domain),
					 .to = str_skip(place(j), STR("mailto:").n),
					 .text = buf_view(&text) });
		ask(j, ROLE_QUEUE, QUEUE_REPORT, &w, QUEUE_MS, on_queued);
	}
	buf_clear(&text);
}

static void mail(struct job *j, struct str to, struct str gzip)
{
	j->signing.done = on_signed;
	j->signing.arg = j;
	report_message(j->tally, &who, gzip, to, now(), &j->signing.text);
	sign_start(&j->signing);
}

static void deliver(struct job *j)
{
	struct str uri = place(j), mailto = STR("mailto:");
	struct buf gzip;

	if (report_gzip(j->tally, &who, &gzip) == -1)
		later(j, "it cannot be put into words");
	else if (str_starts(uri, mailto))
		mail(j, str_skip(uri, mailto.n), buf_view(&gzip));
	else if (begun(j))
		post(j, uri, buf_view(&gzip));
	buf_clear(&gzip);
}

static void next_place(struct job *j)
{
	struct tally *t = j->tally;
	bool all = true;

	while (j->at < t->nruas && t->ruas[j->at].state != RUA_TODO)
		j->at++;
	if (j->at < t->nruas) {
		deliver(j);
		return;
	}
	for (uint32_t i = 0; i < t->nruas; i++)
		all = all && t->ruas[i].state == RUA_DONE;
	if (all)
		finished(j);
	else
		later(j, "not all of the places took it");
}

/* --- where it is wanted ----------------------------------------------------------------------- */

static void unwanted(struct job *j, const char *why)
{
	counts.unwanted++;
	log_debug(NULL, EV("tls-report-unwanted"), KZ("domain", j->domain), KZ("why", why));
	finished(j);
}

/* RFC 8460 3: the one record that is of this kind, or none. */
static void take_records(struct job *j, const struct dns_answer *a)
{
	struct tlsrpt found = { 0 };
	struct tally *t = j->tally;

	for (uint32_t i = 0; i < a->nrecords; i++)
		tlsrpt_add(&found, a->records[i].text);
	if (tlsrpt_why(&found) != NULL) {
		unwanted(j, tlsrpt_why(&found));
		return;
	}
	for (t->nruas = 0; t->nruas < found.n; t->nruas++) {
		struct tally_rua *r = &t->ruas[t->nruas];

		r->state = RUA_TODO;
		memcpy(r->uri, found.places[t->nruas], sizeof r->uri);
	}
	next_place(j);
}

static void on_records(struct ask *ask, struct ipc_msg *m)
{
	struct job *j = ask->arg;
	struct dns_answer a;
	struct arena arena;
	struct str why;

	arena_init(&arena);
	a = txt_answer(m, &arena, &why);
	if (a.status == DNS_OK || dns_empty(a.status))
		take_records(j, &a);
	else
		later(j, why.n > 0 ? arena_z(&arena, why) : dns_status_name(a.status));
	arena_clear(&arena);
}

static void look(struct job *j)
{
	if (!txt_ask(&j->ask, TLSRPT_LABEL, j->domain, on_records, j))
		unwanted(j, "its name is too long to have a record");
}

/* --- their times ------------------------------------------------------------------------------ */

/* What was begun when a process died may have been done. */
static void forgive(struct tally *t)
{
	for (uint32_t i = 0; i < t->nruas; i++) {
		if (t->ruas[i].state != RUA_TRYING)
			continue;
		t->ruas[i].state = RUA_DONE;
		log_warning(NULL, EV("tls-report-unknown"), KZ("domain", t->domain),
		    KZ("to", t->ruas[i].uri));
	}
}

static void begin(struct job *j)
{
	running++;
	j->at = 0;
	j->tally = tallies_load(str_of(j->domain), j->begin);
	if (j->tally == NULL) {
		job_free(j);
		return;
	}
	forgive(j->tally);
	j->tally->next = j->due = now(); /* whoever comes after a crash goes on at once */
	if (j->tally->reported)
		finished(j);
	else if (j->tally->nruas == 0)
		look(j);
	else
		next_place(j);
}

static void tick(void *arg)
{
	struct job *j, *next;

	(void)arg;
	timer_set(&timer, TICK_MS, tick, NULL);
	for (j = TAILQ_FIRST(&jobs); enabled && drained == NULL && running < JOBS_MAX && j != NULL;
	     j = next) {
		next = TAILQ_NEXT(j, next);
		if (j->tally == NULL && j->due <= now())
			begin(j);
	}
}

/* Each at a time of its own (RFC 8460 4.1), which a restart does not change. */
static int64_t first_time(const struct tally *t)
{
	const uint64_t key[2] = { (uint64_t)t->begin, 0 };

	return t->end +
	       (spread > 0 ? (int64_t)(siphash(key, str_of(t->domain)) % (uint64_t)spread) : 0);
}

void outbox_add(const struct tally *t)
{
	struct job *j = xcalloc(1, sizeof *j);

	j->domain = xstrdup(t->domain);
	j->begin = t->begin;
	j->reported = t->reported;
	j->due = t->reported    ? (t->begin / DAY_SECONDS + 1) * DAY_SECONDS
		 : t->next != 0 ? t->next
				: first_time(t);
	TAILQ_INSERT_TAIL(&jobs, j, next);
	njobs++;
	if (timer.armed && j->due <= now())
		timer_set(&timer, 0, tick, NULL);
}

unsigned outbox_hurry(struct str domain)
{
	struct job *j;
	unsigned n = 0;

	TAILQ_FOREACH (j, &jobs, next) {
		if (j->tally != NULL || j->reported ||
		    (domain.n > 0 && !str_eq(domain, str_of(j->domain))))
			continue;
		j->due = 0;
		n++;
	}
	timer_set(&timer, 0, tick, NULL);
	return n;
}

void outbox_each(void (*fn)(void *arg, struct str domain, int64_t begin, int64_t due), void *arg)
{
	struct job *j;

	TAILQ_FOREACH (j, &jobs, next)
		if (!j->reported)
			fn(arg, str_of(j->domain), j->begin, j->due);
}

/* --- life ------------------------------------------------------------------------------------- */

static void read_name(char out[REPORT_NAME_MAX + 1], struct str set, const char *before)
{
	if (set.n == 0 || str_copy(set, out, REPORT_NAME_MAX + 1) == -1)
		snprintf(out, REPORT_NAME_MAX + 1, "%s%.200s", before, who.host);
}

void outbox_configure(void)
{
	const struct conf *c = proc_conf();
	struct str contact = conf_str(c, "tls_report_contact");

	if (contact.n == 0)
		contact = conf_str(c, "postmaster");
	enabled = conf_bool(c, "tls_reports");
	spread = (int64_t)(conf_time(c, "tls_report_spread") / 1000);
	if (str_copy(conf_str(c, "hostname"), who.host, sizeof who.host) == -1 ||
	    who.host[0] == '\0')
		str_copy(STR("localhost"), who.host, sizeof who.host);
	read_name(who.organization, conf_str(c, "tls_report_organization"), "");
	read_name(who.contact, contact, "postmaster@");
	reporter_address(c, who.sender);
}

const struct reporter *outbox_reporter(void)
{
	return &who;
}

void outbox_start(void)
{
	tick(NULL);
}

void outbox_drain(void (*done)(void))
{
	drained = done;
	if (running == 0)
		done();
}

void outbox_status(struct buf *out)
{
	buf_printf(out,
	    "reports_waiting %u\nreports_sent %llu\nreports_failed %llu\nreports_unwanted %llu\n",
	    njobs, (unsigned long long)counts.sent, (unsigned long long)counts.failed,
	    (unsigned long long)counts.unwanted);
}
