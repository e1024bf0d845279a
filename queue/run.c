/* Delivering. See run.h. */
#include "run.h"

#include <assert.h>
#include <string.h>

#include "accept.h"
#include "defer.h"
#include "expand.h"
#include "file.h"
#include "job.h"
#include "load.h"
#include "order.h"
#include "proto/proc.h"
#include "settings.h"
#include "settle.h"
#include "site.h"
#include "space.h"
#include "suspend.h"

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

static void check_later(struct message *m)
{
	if (m->checking)
		return;
	m->checking = true;
	TAILQ_INSERT_TAIL(&to_check, m, check_next);
}

static void dropped(struct sched_work *w, uint64_t until)
{
	struct message *m = w->owner;
	struct sched_site site;

	(void)until;
	(void)find_site(order_route(m, w), &site);
	defer_dead(m, w, &site);
	work_close(m, w);
	check_later(m);
}

static void check_dropped(void)
{
	struct message *m;

	while ((m = TAILQ_FIRST(&to_check)) != NULL) {
		TAILQ_REMOVE(&to_check, m, check_next);
		m->checking = false;
		progress(m);
	}
}

static void place(struct message *m, struct sched_work *w, const struct sched_site *site)
{
	uint64_t until;

	if (defer_kept_back(m, w, site)) {
		work_close(m, w);
		return;
	}
	suspend_slow(order_route(m, w)->nexthop, site);
	switch (sched_add(sched, w, site, loop_now(), &until)) {
	case SCHED_QUEUED:
		break;
	case SCHED_SUSPENDED:
		defer_dead(m, w, site);
		break;
	case SCHED_FULL:
		defer_full(m, w, site);
		break;
	}
	work_close(m, w);
}

/* The resolver has answered. */
static void found_site(struct sched_work *w)
{
	struct message *m = w->owner;
	struct sched_site site;

	(void)find_site(order_route(m, w), &site);
	place(m, w, &site);
	progress(m);
	run_pump();
}

static void queue_work(struct message *m, struct sched_work *w)
{
	const struct route *r = order_route(m, w);
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
		(void)find_site(order_route(m, w), &site);
		if (begun != NULL && !suspend_holds(begun, order_route(m, w)->nexthop, &site))
			continue;
		suspend_slow(order_route(m, w)->nexthop, &site);
		if (defer_kept_back(m, w, &site)) {
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
		if (m->state == M_RUNNING || m->state == M_SHORTCUT)
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

bool run_is_quick(struct str nexthop, const struct sched_site *site)
{
	if (stopped || proc_peer(ROLE_REMOTE) == NULL || suspend_find(nexthop, site) != NULL)
		return false;
	suspend_slow(nexthop, site);
	return sched_prompt(
	    sched, site, settings.remote_shortcut_time, SHORTCUT_LINE_MS, loop_now());
}

bool run_prompt(const struct message *m)
{
	const struct route *r = m->targets[0].route;
	struct sched_site site;

	for (uint32_t i = 1; i < m->ntargets; i++) {
		if (!order_together(&m->targets[0], &m->targets[i]))
			return false;
	}
	return find_site(r, &site) && run_is_quick(r->nexthop, &site);
}

void run_direct(struct message *m)
{
	order_make(m);
	if (m->targets[0].route->transport == TRANSPORT_MAILDIR) {
		job_start(m, &(struct sched_job){ .n = m->norder });
		return;
	}
	order_works(m);
	queue_works(m);
	if (m->waiting == 0)
		check_later(m);
	check_dropped();
	run_pump();
}

bool run_take_back(struct message *m)
{
	bool all = m->flying == 0 && m->waiting > 0;

	for (uint32_t i = 0; i < m->nworks; i++) {
		struct sched_work *w = &m->works[i];

		sched_late(w, SHORTCUT_MS);
		/* what was to go at once still is */
		m->again |= w->open && w->left > 0;
		site_cancel(w);
		sched_cancel(sched, w, loop_now());
		work_close(m, w);
	}
	return all;
}

void run_continue(struct message *m)
{
	message_state(m, M_RUNNING);
	progress(m);
}

static void expanded(struct message *m, int error)
{
	if (error == 0) {
		expand_adopt(m);
	} else {
		log_error(&m->tag, EV("expansion-not-written"), KZ("error", strerror(error)));
		expand_failed(m, "The expansion of this recipient could not be written");
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
		expand_failed(m, "This recipient expands to too many others");
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
