/* Delivering. See run.h. */
#include "run.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accept.h"
#include "base/alloc.h"
#include "base/crash.h"
#include "file.h"
#include "proto/deliver.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "settings.h"
#include "settle.h"
#include "space.h"
#include "spool.h"
#include "tell.h"

/* A job under way: targets order[first .. first + n) of a message. */
struct job {
	struct ask ask;
	struct message *m;
	struct sched_work *work; /* NULL: a short cut */
	uint32_t first, n;
	TAILQ_ENTRY(job) next;
};

static struct sched *sched;
static TAILQ_HEAD(, job) spare_jobs = TAILQ_HEAD_INITIALIZER(spare_jobs);
static struct message_list to_check = TAILQ_HEAD_INITIALIZER(to_check);
static unsigned flying;
static bool stopped;

static void progress(struct message *m);

struct sched *run_sched(void)
{
	return sched;
}

void run_stop(void)
{
	stopped = true;
}

unsigned run_flying(void)
{
	return flying;
}

void run_init(struct sched *s)
{
	sched = s;
}

/* --- jobs ------------------------------------------------------------------------------------- */

static struct job *job_new(struct message *m, struct sched_work *work, uint32_t first, uint32_t n)
{
	struct job *j = TAILQ_FIRST(&spare_jobs);

	if (j != NULL)
		TAILQ_REMOVE(&spare_jobs, j, next);
	else
		j = xmalloc(sizeof *j);
	*j = (struct job){ .m = m, .work = work, .first = first, .n = n };
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
	struct put w = put_start();
	const struct deliver_job d = {
		.trace = m->tag.trace,
		.id = m->tag.queue,
		.arrival = e->arrival,
		.transport = route->transport,
		.nexthop = route->nexthop,
		.sender = route->owner.n > 0 ? route->owner : e->sender,
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

	for (uint32_t i = 0; i < j->n; i++)
		fill_rcpt(m, job_target(j, i), &rcpts[i]);
	put_job(&w, &d);
	return w;
}

/* What happens before the message is accepted is logged after that. */
static void tell(struct message *m, struct target *t,
    void (*fn)(const struct message *m, const struct target *t))
{
	if (m->state == M_SHORTCUT || m->state == M_SEALING)
		t->untold = true;
	else
		fn(m, t);
}

static enum role role_of(const struct target *t)
{
	return t->route->transport == TRANSPORT_MAILDIR ? ROLE_MAILDIR : ROLE_REMOTE;
}

/* An outcome for all of a job that never got as far as a worker. */
static void job_failed(struct job *j, uint32_t from, const char *why)
{
	struct status st;

	status_set(&st, 451, "4.3.0", "%s", why);
	for (uint32_t i = from; i < j->n; i++) {
		target_status(j->m, job_target(j, i), &st);
		tell(j->m, job_target(j, i), tell_deferred);
	}
	j->m->soon = true;
}

static enum sched_verdict apply_results(struct job *j, struct ipc_msg *m);
static void dropped(struct sched_work *w, uint64_t until);
static void check_dropped(void);

static void work_close(struct message *m, struct sched_work *w)
{
	if (w->open && !w->queued && w->flying == 0) {
		w->open = false;
		m->waiting--;
	}
}

/* The message may be gone afterwards. */
static void job_end(struct job *j, enum sched_verdict verdict)
{
	struct message *m = j->m;
	struct sched_work *work = j->work;

	job_free(j);
	if (work != NULL) {
		sched_done(sched, work, verdict, loop_now(), dropped);
		work_close(m, work);
	}
	if (!m->checking)
		progress(m);
	check_dropped();
	run_pump();
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
	job_end(j, SCHED_SOFT);
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

void run_pump(void)
{
	struct sched_job s;

	bool no_maildir = proc_peer(ROLE_MAILDIR) == NULL,
	     no_remote = proc_peer(ROLE_REMOTE) == NULL;

	if (stopped || space_has_failed())
		return;
	sched_pause(sched, TRANSPORT_MAILDIR, no_maildir);
	sched_pause(sched, TRANSPORT_SMTP, no_remote);
	sched_pause(sched, TRANSPORT_LMTP, no_remote);
	while (sched_next(sched, loop_now(), &s))
		job_send(job_new(s.work->owner, s.work, s.first, s.n));
}

/* --- results ---------------------------------------------------------------------------------- */

static void delivered(struct message *m, struct target *t)
{
	target_set(t, SLOT_DONE, true);
	counts.delivered++;
	tell(m, t, tell_delivered);
}

static void failed(struct message *m, struct target *t)
{
	target_set(t, SLOT_FAILED, true);
	counts.failed++;
	tell(m, t, tell_bounced);
}

static void deferred(struct message *m, struct target *t)
{
	target_set(t, SLOT_PENDING, false);
	counts.deferred++;
	tell(m, t, tell_deferred);
}

static void apply_result(struct message *m, struct target *t, const struct deliver_result *r)
{
	target_status(m, t, &r->status);
	t->relay = arena_str(&m->arena, r->relay);
	t->attempts++;
	t->maybe = false;
	t->passed_on = r->dsn;
	if (status_good(&r->status))
		delivered(m, t);
	else if (status_temporary(&r->status))
		deferred(m, t);
	else
		failed(m, t);
}

/* The worker died or never answered: perhaps it has delivered. */
static void unknown_result(struct job *j)
{
	struct status st;

	status_set(&st, 451, "4.3.0", "The delivery process ended without an answer");
	for (uint32_t i = 0; i < j->n; i++) {
		struct target *t = job_target(j, i);

		target_status(j->m, t, &st);
		t->attempts++;
		t->maybe = true;
		target_set(t, SLOT_DISPATCHED, false);
		tell(j->m, t, tell_deferred);
	}
	j->m->soon = true;
}

/* How the destination did: its own failure weighs, a refusal of one recipient is a sign of life. */
static enum sched_verdict verdict_of(const struct deliver_result *r, uint32_t n)
{
	enum sched_verdict v = SCHED_SOFT;

	for (uint32_t i = 0; i < n; i++) {
		if (r[i].site)
			return SCHED_SITE;
		if (!status_temporary(&r[i].status))
			v = SCHED_OK;
	}
	return v;
}

static bool results_match(const struct job *j, const struct deliver_result *r, uint32_t n)
{
	if (n != j->n)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (r[i].slot != target_number(job_target(j, i)))
			return false;
	}
	return true;
}

static enum sched_verdict apply_results(struct job *j, struct ipc_msg *m)
{
	struct deliver_result *r;
	struct arena a;
	uint32_t n;
	struct get g;
	enum sched_verdict v = SCHED_SOFT;

	if (m == NULL) {
		unknown_result(j);
		return SCHED_SOFT;
	}
	arena_init(&a);
	g = get_start(m->body);
	if (m->type != DELIVER_RESULT || get_results(&g, &a, &r, &n) == -1 ||
	    !results_match(j, r, n)) {
		log_error(&j->m->tag, EV("bad-result"));
		unknown_result(j);
	} else {
		for (uint32_t i = 0; i < n; i++)
			apply_result(j->m, job_target(j, i), &r[i]);
		v = verdict_of(r, n);
	}
	arena_clear(&a);
	return v;
}

/* --- a pass over all recipients ----------------------------------------------------------------
 */

static void wrote_results(struct message *m, int error)
{
	if (error != 0)
		log_error(&m->tag, EV("results-not-written"), KZ("error", strerror(error)));
	progress(m);
}

static bool any_hard(const struct message *m)
{
	for (uint32_t i = 0; i < m->ntargets; i++) {
		if (m->targets[i].hard)
			return true;
	}
	return false;
}

/* Something has ended: write down what must not be lost; when all has, settle. */
static void progress(struct message *m)
{
	if (m->state == M_SHORTCUT || m->state == M_SEALING) {
		accept_shortcut(m);
		return;
	}
	assert(m->state == M_RUNNING);
	if (m->task_busy)
		return;
	if (m->waiting == 0 && m->flying == 0)
		settle(m);
	else if (any_hard(m))
		file_update(m, 0, false, wrote_results);
}

/* What a suspended destination had waiting is put off without a try. */
static void put_off(struct message *m, struct sched_work *w)
{
	for (uint32_t i = w->first; i < w->first + w->left; i++) {
		struct target *t = &m->targets[m->order[i]];

		/* what the destination said last says more */
		if (t->status == NULL) {
			struct status st;

			status_set(&st, 451, "4.4.1",
			    "Deliveries to this destination are suspended after repeated failures");
			target_status(m, t, &st);
			target_set(t, t->state, false);
		}
		counts.deferred++;
		tell_deferred(m, t);
	}
	w->left = 0;
}

static void dropped(struct sched_work *w, uint64_t until)
{
	struct message *m = w->owner;

	(void)until;
	put_off(m, w);
	work_close(m, w);
	if (!m->checking) {
		m->checking = true;
		TAILQ_INSERT_TAIL(&to_check, m, cut_next);
	}
}

static void check_dropped(void)
{
	struct message *m;

	while ((m = TAILQ_FIRST(&to_check)) != NULL) {
		TAILQ_REMOVE(&to_check, m, cut_next);
		m->checking = false;
		progress(m);
	}
}

/* The order of delivery: what goes together stands together, what is the same is neighbours. */
static int compare(const void *a, const void *b, void *arg)
{
	const struct target *targets = arg;
	const struct route *x = targets[*(const uint32_t *)a].route;
	const struct route *y = targets[*(const uint32_t *)b].route;
	int r = (int)x->transport - (int)y->transport;

	if (r == 0)
		r = str_cmp(x->nexthop, y->nexthop);
	if (r == 0)
		r = str_cmp(x->owner, y->owner);
	if (r == 0)
		r = str_cmp(x->home, y->home);
	if (r == 0)
		r = str_cmp(x->folder, y->folder);
	if (r == 0 && x->transport != TRANSPORT_MAILDIR)
		r = str_casecmp(x->addr, y->addr);
	return r;
}

/* Decides what needs no worker; true when the target is to be delivered. */
static bool deliverable(struct message *m, struct target *t)
{
	const struct route *r = t->route;
	struct status st = { 0 };

	if (target_final(t) || r == NULL)
		return false;
	if (r->transport == TRANSPORT_HOLD) {
		m->wishes |= WISH_HOLD;
		return false;
	}
	if (r->transport == TRANSPORT_DISCARD)
		status_set(&st, 250, "2.0.0", "discarded");
	else if (r->transport == TRANSPORT_ERROR && r->status.code >= 400)
		st = r->status;
	else if (r->transport == TRANSPORT_ERROR)
		status_set(
		    &st, 451, "4.3.5", "The route of this recipient has an error without a reason");
	else
		return true;
	target_status(m, t, &st);
	t->attempts++;
	if (status_good(&st))
		delivered(m, t);
	else if (status_temporary(&st))
		deferred(m, t);
	else
		failed(m, t);
	/* what a table could not say has nothing to do with the destination */
	m->soon |= status_temporary(&st);
	return false;
}

static void drop_duplicates(struct message *m)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < m->norder; i++) {
		struct target *t = &m->targets[m->order[i]];
		struct status st;

		if (kept > 0 && compare(&m->order[kept - 1], &m->order[i], m->targets) == 0) {
			status_set(&st, 250, "2.0.0", "the same mailbox as another recipient");
			target_status(m, t, &st);
			delivered(m, t);
			continue;
		}
		m->order[kept++] = m->order[i];
	}
	m->norder = kept;
}

static bool same_work(const struct message *m, uint32_t a, uint32_t b)
{
	const struct route *x = m->targets[m->order[a]].route, *y = m->targets[m->order[b]].route;

	return x->transport == y->transport && str_eq(x->nexthop, y->nexthop) &&
	       str_eq(x->owner, y->owner);
}

static void make_works(struct message *m)
{
	uint8_t lane = (m->flags & SPOOL_REPORT) != 0 ? LANE_REPORT
		       : m->norder > BULK_RCPTS       ? LANE_BULK
						      : LANE_USER;

	m->nworks = 0;
	for (uint32_t i = 0; i < m->norder; i++)
		m->nworks += i == 0 || !same_work(m, i - 1, i);
	m->works = arena_array(&m->arena, m->nworks, sizeof *m->works);
	m->nworks = 0;
	for (uint32_t i = 0; i < m->norder; i++) {
		if (i == 0 || !same_work(m, i - 1, i))
			m->works[m->nworks++] =
			    (struct sched_work){ .owner = m, .first = i, .lane = lane };
		m->works[m->nworks - 1].left++;
	}
}

static void queue_works(struct message *m)
{
	m->waiting = 0;
	for (uint32_t i = 0; i < m->nworks; i++) {
		struct sched_work *w = &m->works[i];
		const struct route *r = m->targets[m->order[w->first]].route;
		uint64_t until;

		w->open = sched_add(sched, w, r->transport, r->nexthop, loop_now(), &until) == 0;
		if (w->open)
			m->waiting++;
		else
			put_off(m, w);
	}
}

static void make_order(struct message *m)
{
	m->order = arena_array(&m->arena, m->ntargets, sizeof *m->order);
	m->norder = 0;
	for (uint32_t i = 0; i < m->ntargets; i++) {
		if (deliverable(m, &m->targets[i]))
			m->order[m->norder++] = i;
	}
	if (m->norder > 1) {
		qsort_r(m->order, m->norder, sizeof *m->order, compare, m->targets);
		drop_duplicates(m);
	}
}

static void run_start(struct message *m)
{
	message_state(m, M_RUNNING);
	make_order(m);
	if ((m->wishes & (WISH_HOLD | WISH_DELETE | WISH_EXPIRE)) == 0) {
		make_works(m);
		queue_works(m);
	}
	progress(m);
	run_pump();
}

void run_direct(struct message *m)
{
	make_order(m);
	if (m->norder > 0)
		job_send(job_new(m, NULL, 0, m->norder));
}

void run_continue(struct message *m)
{
	message_state(m, M_RUNNING);
	progress(m);
}

/* --- expansions ------------------------------------------------------------------------------- */

/* The recipients' copies become targets of their own. */
static void adopt_expansion(struct message *m)
{
	uint32_t n = m->ntargets + m->nexpansion;
	struct target *all = arena_array(&m->arena, n, sizeof *all);

	memcpy(all, m->targets, m->ntargets * sizeof *all);
	for (uint32_t i = 0; i < m->nexpansion; i++) {
		const struct spool_target *s = &m->expansion[i];

		all[s->rcpt].expanded = true;
		all[m->ntargets + i] = (struct target){ .rcpt = s->rcpt,
			.index = i,
			.part = (uint8_t)(m->parts - 1),
			.state = SLOT_PENDING,
			.route = &s->route };
	}
	m->targets = all;
	m->ntargets = m->cap_targets = n;
	m->nexpansion = 0;
}

static void not_expanded(struct message *m, const char *why)
{
	struct status st;

	status_set(&st, 451, "4.3.0", "%s", why);
	for (uint32_t i = 0; i < m->nexpansion; i++)
		target_status(m, &m->targets[m->expansion[i].rcpt], &st);
	m->nexpansion = 0;
}

static void expanded(struct message *m, int error)
{
	if (error == 0) {
		log_info(&m->tag, EV("expanded"), KI("nrcpt", m->nexpansion));
		adopt_expansion(m);
	} else {
		log_error(&m->tag, EV("expansion-not-written"), KZ("error", strerror(error)));
		not_expanded(m, "The expansion of this recipient could not be written");
	}
	run_start(m);
}

void run_message(struct message *m)
{
	if (m->nexpansion == 0) {
		run_start(m);
		return;
	}
	message_state(m, M_EXPANDING);
	if (file_expand(m, expanded) == -1) {
		not_expanded(m, "This recipient expands to too many others");
		run_start(m);
	}
}

void run_wish(struct message *m, unsigned wishes)
{
	m->wishes |= (uint8_t)wishes;
	if (m->state != M_RUNNING)
		return; /* it is looked at before the next step */
	if ((wishes & (WISH_HOLD | WISH_DELETE | WISH_EXPIRE)) != 0) {
		for (uint32_t i = 0; i < m->nworks; i++) {
			sched_cancel(sched, &m->works[i]);
			work_close(m, &m->works[i]);
		}
	}
	progress(m);
}
