/* The end of a pass over a message. See settle.h. */
#include "settle.h"

#include <errno.h>
#include <string.h>

#include "base/crash.h"
#include "base/loop.h"
#include "file.h"
#include "load.h"
#include "report.h"
#include "retry.h"
#include "run.h"
#include "settings.h"
#include "space.h"
#include "spool.h"
#include "tell.h"
#include "trash.h"

static uint64_t age_of(const struct message *m)
{
	return message_age(m, wall_millis());
}

/* --- giving up -------------------------------------------------------------------------------- */

static void give_up(struct message *m, struct target *t, const char *why)
{
	struct status st;

	if (t->status != NULL && t->status->code != 0)
		status_set(&st, t->status->code, t->status->enhanced, "%s; last: %s", why,
		    t->status->text);
	else
		status_set(&st, 554, "5.4.7", "%s", why);
	target_status(m, t, &st);
	target_set(t, SLOT_FAILED, true);
	counts.failed++;
	tell_expired(m, t);
}

static void expire(struct message *m)
{
	uint64_t lifetime =
	    m->content.envelope.sender.n == 0 ? settings.bounce_lifetime : settings.queue_lifetime;
	bool forced = (m->wishes & WISH_EXPIRE) != 0;

	if (!forced && ((m->wishes & WISH_HOLD) != 0 || m->again || age_of(m) < lifetime))
		return;
	m->wishes &= (uint8_t)~WISH_EXPIRE;
	for (uint32_t i = 0; i < m->ntargets; i++) {
		struct target *t = &m->targets[i];

		/* nothing expires without one real try, of it or of what its destination is */
		if (target_final(t) ||
		    (!forced && t->attempts == 0 && (t->status == NULL || t->spared)))
			continue;
		give_up(m, t,
		    forced ? "Given up by the administrator" : "Could not be delivered in time");
	}
}

/* --- leaving memory --------------------------------------------------------------------------- */

static void remove_again(void *arg);

/* What is over and done with, but whose file the disk does not let go, would come back. */
static struct message_list unremoved = TAILQ_HEAD_INITIALIZER(unremoved);
static struct timer remove_timer;

static void removed(struct message *m, int error)
{
	struct entry *e = m->entry;

	if (error != 0) {
		log_error(&m->tag, EV("not-removed"), KZ("error", strerror(error)));
		TAILQ_INSERT_TAIL(&unremoved, m, cut_next);
		if (!remove_timer.armed)
			timer_set(&remove_timer, settings.minimal_backoff, remove_again, NULL);
		return;
	}
	counts.removed++;
	message_free(m);
	if (e != NULL)
		entry_free(e);
	load_pump();
}

static void remove_again(void *arg)
{
	struct message_list list = TAILQ_HEAD_INITIALIZER(list);
	struct message *m;

	(void)arg;
	TAILQ_CONCAT(&list, &unremoved, cut_next);
	while ((m = TAILQ_FIRST(&list)) != NULL) {
		TAILQ_REMOVE(&list, m, cut_next);
		file_remove(m, removed);
	}
}

/* An administrator's wish that came while the last word was being written brings it back. */
static void leave_memory(struct message *m, struct entry *e, unsigned late)
{
	bool again = (m->wishes & WISH_REQUEUE) != 0;
	int64_t deleted = m->deleted;

	late &= m->wishes;
	message_free(m);
	if (late != 0) {
		load_for(e, late);
		e->m->deleted = deleted; /* by the order that wished it */
	} else if (again) {
		load_all(e);
	}
	load_pump();
}

static void held(struct message *m, int error)
{
	struct entry *e = m->entry;

	if (error != 0)
		log_error(&m->tag, EV("results-not-written"), KZ("error", strerror(error)));
	entry_state(e, ENTRY_HELD);
	leave_memory(m, e, WISH_DELETE | WISH_EXPIRE);
}

/* Nothing has failed: it is due, and waits on disk for its turn. */
static bool only_parked(const struct message *m)
{
	for (uint32_t i = 0; i < m->ntargets; i++) {
		const struct target *t = &m->targets[i];

		if (!target_final(t) && !t->parked)
			return false;
	}
	return m->park.key.n > 0;
}

static void deferred(struct message *m, int error)
{
	struct entry *e = m->entry;
	uint64_t ms = m->retry_ms;

	if (error != 0) {
		log_error(&m->tag, EV("results-not-written"), KZ("error", strerror(error)));
		ms = settings.maximal_backoff;
	}
	if (m->next_try == m->content.envelope.release && m->next_try != 0) {
		load_scheduled(e, m->next_try);
	} else {
		/* what was to be tried at once, and has not been, still is */
		e->eager = (m->wishes & WISH_REQUEUE) != 0 || (m->all && only_parked(m));
		load_later(e, ms);
		if (ms > 0 && m->park.key.n > 0)
			sched_park(run_sched(), &e->park, &m->park, m->lane, loop_now());
	}
	leave_memory(m, e, WISH_DELETE | WISH_EXPIRE | WISH_HOLD);
}

static uint64_t retry_ms(const struct message *m)
{
	if (m->again || (m->wishes & WISH_REQUEUE) != 0)
		return 0;
	/* faults of our own are over soon, or last */
	if (m->soon)
		return sched_backoff(run_sched(), age_of(m) / 2, SOON_MS,
		    settings.minimal_backoff > SOON_MS ? settings.minimal_backoff : SOON_MS);
	return retry_next(m);
}

void settle_until(struct message *m, int64_t seconds)
{
	message_state(m, M_SETTLING);
	file_update(m, seconds, true, deferred);
}

static void trashed(struct message *m, int error)
{
	struct entry *e = m->entry;
	int64_t when = m->deleted;

	if (error != 0)
		log_error(&m->tag, EV("not-removed"), KZ("error", strerror(error)));
	if (!m->renamed) {
		/* as if it had not been wished */
		m->wishes &= (uint8_t)~WISH_DELETE;
		deferred(m, error);
		return;
	}
	message_free(m);
	trash_keep(e, when);
	load_pump();
}

static void throw_away(struct message *m)
{
	tell_message(m, EV("deleted"));
	if (settings.trash_time == 0) {
		file_remove(m, removed);
		return;
	}
	if (m->deleted == 0)
		m->deleted = wall_seconds();
	file_trash(m, trashed);
}

static bool all_over(const struct message *m)
{
	for (uint32_t i = 0; i < m->ntargets; i++) {
		const struct target *t = &m->targets[i];

		if (!target_final(t) || (t->state == SLOT_FAILED && !t->expanded))
			return false;
	}
	return true;
}

static void leave(struct message *m)
{
	if (all_over(m)) {
		tell_message(m, EV("removed"));
		file_remove(m, removed);
	} else if ((m->wishes & WISH_DELETE) != 0) {
		throw_away(m);
	} else if ((m->wishes & WISH_HOLD) != 0) {
		tell_message(m, EV("held"));
		file_update(m, SPOOL_HOLD, true, held);
	} else {
		bool parked = only_parked(m);

		m->retry_ms = parked ? PARKED_MS : retry_ms(m);
		file_update(m, wall_seconds() + (parked ? 0 : (int64_t)(m->retry_ms / 1000)), false,
		    deferred);
	}
}

/* --- reports ---------------------------------------------------------------------------------- */

static void reported(struct message *m, int error)
{
	/* what could not be reported now stays failed, and is reported with the next try */
	m->soon |= error != 0;
	if (error != 0)
		log_error(&m->tag, EV("report-failed"), KZ("error", strerror(error)));
	leave(m);
}

static void recorded(struct message *m, int error)
{
	if (error != 0)
		reported(m, error);
	else
		report_make(m, reported);
}

void settle(struct message *m)
{
	message_state(m, M_SETTLING);
	if ((m->wishes & WISH_DELETE) != 0) {
		leave(m);
		return;
	}
	expire(m);
	if (!report_due(m, age_of(m))) {
		leave(m);
		return;
	}
	/* a report is named after what it is about: that has to be on disk first, so that it has
	 * the same name if it must be made again */
	crash_point("report.before_record");
	file_update(m, 0, true, recorded);
}
