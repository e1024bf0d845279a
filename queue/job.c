/* Jobs for deliver-*. See job.h. */
#include "job.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crash.h"
#include "credentials.h"
#include "outcome.h"
#include "proto/deliver.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "run.h"
#include "settings.h"
#include "site.h"
#include "source.h"
#include "spool.h"
#include "suspend.h"
#include "transcript.h"

/* A job under way: targets order[first .. first + n) of a message. */
struct job {
	struct ask ask;
	struct message *m;
	struct sched_work *work; /* NULL: a short cut */
	struct sched_source *source; /* NULL: any */
	uint32_t first, n;
	uint64_t began; /* ms on the loop's clock */
	TAILQ_ENTRY(job) next;
};

static TAILQ_HEAD(, job) spare_jobs = TAILQ_HEAD_INITIALIZER(spare_jobs);
static unsigned flying;

static struct job *job_new(struct message *m, const struct sched_job *s)
{
	struct job *j = TAILQ_FIRST(&spare_jobs);

	if (j != NULL)
		TAILQ_REMOVE(&spare_jobs, j, next);
	else
		j = xmalloc(sizeof *j);
	*j = (struct job){ .m = m,
		.work = s->work,
		.source = s->source,
		.first = s->first,
		.n = s->n,
		.began = loop_now() };
	m->flying++;
	flying++;
	return j;
}

static void job_free(struct job *j)
{
	j->m->flying--;
	flying--;
	TAILQ_INSERT_HEAD(&spare_jobs, j, next);
}

static struct target *job_target(const struct job *j, uint32_t i)
{
	return &j->m->targets[j->m->order[j->first + i]];
}

static void fill_rcpt(const struct message *m, const struct target *t, struct deliver_rcpt *r)
{
	const struct envelope_rcpt *e = target_rcpt(m, t);

	*r = (struct deliver_rcpt){
		.slot = target_number(t),
		.addr = t->route->addr,
		.orcpt = e->orcpt,
		/* a list answers for its members itself (RFC 3461 5.2.7.3) */
		.notify = t->route->owner.n > 0 ? NOTIFY_FAILURE : e->notify,
		.maybe = t->maybe,
		.home = t->route->home,
		.folder = t->route->folder,
		.uid = t->route->uid,
		.gid = t->route->gid,
	};
}

static struct put encode_job(const struct job *j)
{
	static struct deliver_rcpt rcpts[JOB_RCPTS];
	const struct message *m = j->m;
	const struct envelope *e = &m->content.envelope;
	const struct route *route = job_target(j, 0)->route;
	struct str way = route->transport == TRANSPORT_SMTP
			     ? way_demanded(route->way, e->tls, e->sender.n == 0, &j->m->arena)
			     : route->way;
	struct str sender = route->owner.n > 0 ? route->owner : e->sender;
	struct put w = put_start();
	struct deliver_job d = {
		.trace = m->tag.trace,
		.id = m->tag.queue,
		.arrival = e->arrival,
		.transport = route->transport,
		.way = way,
		.sender = sender,
		.ticket = credentials_ticket(sender, way),
		.envid = e->envid,
		.ret = e->ret,
		.eightbit = e->eightbit,
		.utf8 = e->utf8,
		.body_offset = m->memfd != -1 ? 0 : SPOOL_HEADER,
		.body_size = m->layout.body_size,
		.edits = m->content.edits,
		.nedits = m->content.nedits,
		.rcpts = rcpts,
		.nrcpts = j->n,
	};

	/* one that the configuration does not have any more has no address: nothing goes out from it */
	(void)source_get(sched_source_name(j->source), &d.source);
	for (uint32_t i = 0; i < j->n; i++)
		fill_rcpt(m, job_target(j, i), &rcpts[i]);
	put_job(&w, &d);
	return w;
}

/* --- results ---------------------------------------------------------------------------------- */

/* An outcome for all of a job that never got as far as a worker. */
static void job_failed(struct job *j, uint32_t from, const char *why)
{
	struct status st;

	status_set(&st, 451, "4.3.0", "%s", why);
	for (uint32_t i = from; i < j->n; i++) {
		target_status(j->m, job_target(j, i), &st);
		outcome_deferred(j->m, job_target(j, i));
	}
	j->m->soon = true;
}

static void apply_result(struct message *m, struct target *t, const struct deliver_result *r)
{
	t->relay = arena_str(&m->arena, r->relay);
	t->hop = r->hop;
	t->tls = arena_str(&m->arena, r->tls);
	/* what failed may have failed before there was a look for an earlier delivery */
	t->maybe = t->maybe && status_temporary(&r->status);
	t->passed_on = r->dsn;
	t->fault = status_temporary(&r->status) ? r->fault : (uint8_t)FAULT_NONE;
	outcome(m, t, &r->status);
}

/* The worker died or never answered: perhaps it has delivered. */
static void unknown_result(struct job *j)
{
	struct status st;

	status_set(&st, 451, "4.3.0", "The delivery process ended without an answer");
	for (uint32_t i = 0; i < j->n; i++) {
		struct target *t = job_target(j, i);

		target_status(j->m, t, &st);
		target_tried(j->m, t, wall_millis());
		t->maybe = true;
		target_set(t, SLOT_DISPATCHED, false);
		outcome_deferred(j->m, t);
	}
	j->m->soon = true;
}

/* How the destination did: its own failure weighs, a refusal of one recipient is a sign of life. */
static void judge(struct job *j, const struct deliver_result *r, struct sched_end *end)
{
	end->verdict = SCHED_SOFT;
	for (uint32_t i = 0; i < j->n; i++) {
		bool busy = r[i].fault == FAULT_BUSY && status_temporary(&r[i].status);

		if (busy || fault_of_site(r[i].fault)) {
			end->verdict = busy ? SCHED_BUSY : SCHED_SITE;
			end->said = arena_str(&j->m->arena, str_of(r[i].status.text));
			return;
		}
		if (!status_temporary(&r[i].status))
			end->verdict = SCHED_OK;
	}
}

static bool results_match(const struct job *j, const struct deliver_results *r)
{
	if (r->n != j->n)
		return false;
	for (uint32_t i = 0; i < r->n; i++) {
		if (r->at[i].slot != target_number(job_target(j, i)))
			return false;
	}
	return true;
}

/* What was said is of use as long as something is deferred for it. */
static void keep_transcript(struct job *j, const struct deliver_results *r)
{
	struct transcript t = { .time = wall_millis(), .text = r->transcript };

	for (uint32_t i = 0; i < r->n; i++)
		if (status_temporary(&r->at[i].status))
			t.targets[t.n++] = target_number(job_target(j, i));
	if (t.n > 0 && t.text.n > 0)
		transcripts_add(&j->m->transcripts, &t);
}

/* The destination has said something that the configuration has an answer to. */
static void react(const struct job *j, const struct deliver_results *r)
{
	const struct route *route = job_target(j, 0)->route;
	struct sched_site site;

	if (r->reaction.n == 0)
		return;
	(void)site_known(route, &site);
	/* it may have been moved meanwhile */
	site.pool = sched_work_pool(j->work);
	suspend_react(r->reaction, r->reply, route->nexthop, &site);
}

static struct sched_end apply_results(struct job *j, struct ipc_msg *m)
{
	struct deliver_results r;
	struct arena a;
	struct get g;
	struct sched_end end = { .verdict = SCHED_SOFT };

	if (m == NULL) {
		unknown_result(j);
		return end;
	}
	arena_init(&a);
	g = get_start(m->body);
	if (m->type != DELIVER_RESULT || get_results(&g, &a, &r) == -1 || !results_match(j, &r)) {
		log_error(&j->m->tag, EV("bad-result"));
		unknown_result(j);
	} else {
		for (uint32_t i = 0; i < r.n; i++)
			apply_result(j->m, job_target(j, i), &r.at[i]);
		judge(j, r.at, &end);
		end.reused = r.at[0].reused;
		keep_transcript(j, &r);
		react(j, &r);
	}
	arena_clear(&a);
	return end;
}

/* The message may be gone afterwards. */
static void job_end(struct job *j, struct sched_end end)
{
	struct message *m = j->m;
	struct sched_work *work = j->work;

	end.source = j->source;
	end.took = (uint32_t)(loop_now() - j->began);
	job_free(j);
	run_job_ended(m, work, &end);
}

/* --- on its way ------------------------------------------------------------------------------- */

static enum role role_of(const struct target *t)
{
	return t->route->transport == TRANSPORT_MAILDIR ? ROLE_MAILDIR : ROLE_REMOTE;
}

static void on_result(struct ask *ask, struct ipc_msg *m)
{
	struct job *j = (struct job *)ask;

	crash_point("result.received");
	job_end(j, apply_results(j, m));
}

static void on_not_sent(struct ask *ask, struct ipc_msg *m)
{
	struct job *j = (struct job *)ask;

	(void)m;
	job_failed(j, 0, "The message file could not be opened");
	job_end(j, (struct sched_end){ .verdict = SCHED_SOFT, .reused = true });
}

/* Recipients with very long addresses may not fit: the rest goes in a job of its own soon. */
static struct put encode_fitting(struct job *j)
{
	uint32_t all = j->n, fit = j->n;
	struct put w = encode_job(j);

	while (w.bad && fit > 1) {
		fit = j->n = fit / 2;
		w = encode_job(j);
	}
	if (fit < all) {
		j->n = all;
		job_failed(j, fit, "Too many long addresses for one job");
		j->n = fit;
	}
	return w;
}

static void job_send(struct job *j)
{
	struct message *m = j->m;
	const struct target *t = job_target(j, 0);
	enum role role = role_of(t);
	int fd = m->memfd, opened = -1;
	struct put w;

	if (fd == -1)
		fd = opened = spool_open_file(m->tag.queue, 0, O_RDONLY);
	if (fd == -1) {
		chan_ask(NULL, &j->ask, DELIVER_JOB, NULL, NULL, 0, 0, on_not_sent, NULL);
		return;
	}
	w = encode_fitting(j);
	crash_point("job.before_send");
	chan_ask(proc_peer(role), &j->ask, DELIVER_JOB, &w, &fd, 1,
	    role == ROLE_MAILDIR ? JOB_LOCAL_MS : JOB_REMOTE_MS, on_result, NULL);
	crash_point("job.after_send");
	if (opened != -1)
		close(opened);
}

void job_start(struct message *m, const struct sched_job *s)
{
	job_send(job_new(m, s));
}

unsigned job_count(void)
{
	return flying;
}
