/* Delivering. See run.h. */
#include "run.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "accept.h"
#include "file.h"
#include "job.h"
#include "load.h"
#include "order.h"
#include "outcome.h"
#include "proto/proc.h"
#include "route.h"
#include "settings.h"
#include "settle.h"
#include "site.h"
#include "source.h"
#include "space.h"
#include "suspend.h"
#include "tell.h"

static struct sched *sched;
static struct message_list to_check = TAILQ_HEAD_INITIALIZER(to_check);
static bool stopped;
static unsigned flushes; /* under way */

static void progress(struct message *m);

struct sched *run_sched(void)
{
	return sched;
}

void run_stop(void)
{
	stopped = true;
}

void run_init(struct sched *s)
{
	sched = s;
}

/* --- what may start --------------------------------------------------------------------------- */

static void dropped(struct sched_work *w, uint64_t until);
static void check_dropped(void);

/* Where it belongs, as far as that is known; from which addresses, when a rule has moved it. */
static bool find_site(const struct route *r, struct sched_site *out)
{
	bool known = site_known(r, out);

	suspend_move(r->nexthop, out);
	return known;
}

static const struct route *work_route(const struct message *m, const struct sched_work *w)
{
	return m->targets[m->order[w->first]].route;
}

/* The destination that a message waits for when it has nothing else to do: the first. */
static void park_at(struct message *m, const struct sched_site *site)
{
	if (m->park.key.n > 0)
		return;
	m->park = *site;
	m->park.key = arena_str(&m->arena, site->key);
	m->park.pool = arena_str(&m->arena, site->pool);
}

static void work_close(struct message *m, struct sched_work *w)
{
	if (w->open && !w->queued && w->flying == 0 && w->site == NULL) {
		w->open = false;
		m->waiting--;
	}
}

void run_job_ended(struct message *m, struct sched_work *work, const struct sched_end *end)
{
	if (work != NULL) {
		sched_done(sched, work, end, loop_now(), dropped);
		work_close(m, work);
	}
	if (!m->checking)
		progress(m);
	check_dropped();
	run_pump();
}

static struct entry *entry_of(struct sched_parked *p)
{
	return (struct entry *)(void *)((char *)p - offsetof(struct entry, park));
}

/* Brings in what has waited on disk, as far as there is room. */
static void call_parked(void)
{
	struct sched_parked *p;

	while (flushes == 0 && load_wants_more() && (p = sched_call(sched, loop_now())) != NULL)
		load_now(entry_of(p));
	load_pump();
}

static void pump(void *arg)
{
	(void)arg;
	run_pump();
}

/* For what only time holds up. */
static void pump_later(void)
{
	static struct timer timer;
	static uint64_t due;
	uint64_t now = loop_now(), wait = sched_wait(sched, now);

	if (wait == UINT64_MAX) {
		timer_clear(&timer);
	} else if (!timer.armed || due != now + wait) {
		/* far away may be as good as never */
		if (wait > PARKED_MS)
			wait = PARKED_MS;
		due = now + wait;
		timer_set(&timer, wait, pump, NULL);
	}
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
		job_start(s.work->owner, &s);
	call_parked();
	pump_later();
}

void run_flush_begins(void)
{
	flushes++;
}

void run_flush_ends(void)
{
	flushes--;
	run_pump();
}

/* --- a pass over all recipients --------------------------------------------------------------- */

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

/*
 * What cannot go now is put off without a try. What was never tried because of us is not there to expire:
 * its status is for lists, and is not kept.
 */
static void put_off(struct message *m, struct sched_work *w, const struct status *why, bool spared)
{
	for (uint32_t i = w->first; i < w->first + w->left; i++) {
		struct target *t = &m->targets[m->order[i]];

		/* what the destination said last says more */
		if (t->status == NULL) {
			target_status(m, t, why);
			t->spared = spared;
			if (!spared)
				target_set(t, t->state, false);
		}
		counts.deferred++;
		tell_deferred(m, t);
	}
	w->left = 0;
}

static void put_off_dead(struct message *m, struct sched_work *w)
{
	struct status st;

	status_set(&st, 451, "4.4.1",
	    "Deliveries to this destination are suspended after repeated failures");
	put_off(m, w, &st, false);
}

static void check_later(struct message *m)
{
	if (m->checking)
		return;
	m->checking = true;
	TAILQ_INSERT_TAIL(&to_check, m, cut_next);
}

static void dropped(struct sched_work *w, uint64_t until)
{
	struct message *m = w->owner;
	struct sched_site site;

	(void)until;
	(void)find_site(work_route(m, w), &site);
	put_off_dead(m, w);
	park_at(m, &site);
	work_close(m, w);
	check_later(m);
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

static void leave_on_disk(struct message *m, struct sched_work *w)
{
	for (uint32_t i = w->first; i < w->first + w->left; i++)
		m->targets[m->order[i]].parked = true;
	w->left = 0;
}

/* An administrator, or a rule, does not want it to go now. */
static bool suspended(struct message *m, struct sched_work *w, const struct sched_site *site)
{
	const struct suspension *s = suspend_find(work_route(m, w)->nexthop, site);
	struct sched_site aside;
	struct status st;

	if (s == NULL)
		return false;
	if (s->rule[0] != '\0')
		status_set(&st, 451, "4.4.1",
		    "Deliveries to this destination are suspended for what it has said (%s)",
		    s->rule);
	else
		status_set(&st, 451, "4.3.2", "Deliveries %s are suspended by the administrator",
		    s->kind == SUSPEND_SOURCE ? "from this source" : "to this destination");
	put_off(m, w, &st, s->rule[0] == '\0');
	aside = suspend_site(s);
	park_at(m, &aside);
	return true;
}

/* The configuration has changed since its route was recorded. It goes out from nowhere else instead. */
static bool without_source(struct message *m, struct sched_work *w, const struct sched_site *site)
{
	struct status st;

	if (site->pool.n == 0 || source_of_pool(site->pool, 0).n > 0)
		return false;
	status_set(&st, 451, "4.3.5", "There is no source_pool \"%.*s\"", STR_ARG(site->pool));
	put_off(m, w, &st, true);
	return true;
}

static bool kept_back(struct message *m, struct sched_work *w, const struct sched_site *site)
{
	return suspended(m, w, site) || without_source(m, w, site);
}

static void place(struct message *m, struct sched_work *w, const struct sched_site *site)
{
	uint64_t until;

	if (kept_back(m, w, site)) {
		work_close(m, w);
		return;
	}
	suspend_slow(work_route(m, w)->nexthop, site);
	switch (sched_add(sched, w, site, loop_now(), &until)) {
	case SCHED_QUEUED:
		break;
	case SCHED_SUSPENDED:
		put_off_dead(m, w);
		park_at(m, site);
		break;
	case SCHED_FULL:
		leave_on_disk(m, w);
		park_at(m, site);
		break;
	}
	work_close(m, w);
}

/* The resolver has answered. */
static void found_site(struct sched_work *w)
{
	struct message *m = w->owner;
	struct sched_site site;

	(void)find_site(work_route(m, w), &site);
	place(m, w, &site);
	progress(m);
	run_pump();
}

static void queue_work(struct message *m, struct sched_work *w)
{
	const struct route *r = work_route(m, w);
	struct sched_site site;

	w->open = true;
	m->waiting++;
	if (find_site(r, &site))
		place(m, w, &site);
	else
		site_ask(r, w, found_site);
}

/* What is queued goes out from elsewhere. */
static void move(struct message *m, struct sched_work *w, const struct sched_site *site)
{
	uint32_t left = w->left;

	sched_cancel(sched, w, loop_now());
	w->left = left;
	place(m, w, site);
}

static void recheck(struct message *m, const struct suspension *begun)
{
	for (uint32_t i = 0; i < m->nworks; i++) {
		struct sched_work *w = &m->works[i];
		struct sched_site site;

		if (!w->queued)
			continue;
		(void)find_site(work_route(m, w), &site);
		if (begun != NULL && !suspend_holds(begun, work_route(m, w)->nexthop, &site))
			continue;
		suspend_slow(work_route(m, w)->nexthop, &site);
		if (kept_back(m, w, &site)) {
			sched_cancel(sched, w, loop_now());
			work_close(m, w);
			check_later(m);
		} else if (w->flying == 0 && !str_eq(sched_work_pool(w), site.pool)) {
			move(m, w, &site);
			check_later(m);
		}
	}
}

void run_recheck(const struct suspension *begun)
{
	struct message *m;

	TAILQ_FOREACH (m, message_all(), next) {
		if (m->state == M_RUNNING)
			recheck(m, begun);
	}
	check_dropped();
	run_pump();
}

static void queue_works(struct message *m)
{
	m->waiting = 0;
	m->park = (struct sched_site){ .key = STR_NONE };
	sched_set_room(sched, load_room());
	for (uint32_t i = 0; i < m->nworks; i++)
		queue_work(m, &m->works[i]);
	m->called = false;
	if (m->entry != NULL && m->entry->park.called)
		sched_unpark(&m->entry->park, loop_now());
}

static void run_start(struct message *m)
{
	message_state(m, M_RUNNING);
	order_make(m);
	if ((m->wishes & (WISH_HOLD | WISH_DELETE | WISH_EXPIRE)) == 0) {
		order_works(m);
		queue_works(m);
	}
	progress(m);
	run_pump();
}

void run_direct(struct message *m)
{
	order_make(m);
	if (m->norder > 0)
		job_start(m, &(struct sched_job){ .n = m->norder });
}

void run_continue(struct message *m)
{
	message_state(m, M_RUNNING);
	progress(m);
}

/* --- expansions ------------------------------------------------------------------------------- */

/* What had become others before becomes others again: those are on record now. */
static void replace_targets(struct message *m)
{
	struct status st;

	status_set(&st, 250, "2.0.0", "redirected by the administrator");
	for (uint32_t i = 0; i < m->ntargets; i++) {
		struct target *t = &m->targets[i];

		if (target_final(t))
			continue;
		tell_redirected(m, t);
		if (t->part == 0)
			continue; /* the record says so */
		target_status(m, t, &st);
		target_set(t, SLOT_BOUNCED, true);
	}
}

/* The recipients' copies become targets of their own. */
static void adopt_expansion(struct message *m)
{
	uint32_t n = m->ntargets + m->nexpansion;
	struct target *all = arena_array(&m->arena, n, sizeof *all);

	if (m->redirect != NULL)
		replace_targets(m);
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
	if (m->redirect != NULL)
		route_not_redirected(m);
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
	/* of two that cannot both be had, the last one counts */
	if ((wishes & WISH_HOLD) != 0)
		m->wishes &= (uint8_t)~WISH_REQUEUE;
	if ((wishes & WISH_REQUEUE) != 0)
		m->wishes &= (uint8_t)~WISH_HOLD;
	m->wishes |= (uint8_t)wishes;
	if (m->state != M_RUNNING)
		return; /* it is looked at before the next step */
	if ((wishes & (WISH_HOLD | WISH_DELETE | WISH_EXPIRE)) != 0) {
		for (uint32_t i = 0; i < m->nworks; i++) {
			site_cancel(&m->works[i]);
			sched_cancel(sched, &m->works[i], loop_now());
			work_close(m, &m->works[i]);
		}
	}
	progress(m);
}
