/* Messages that are on disk only. See load.h. */
#include "load.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accept.h"
#include "action.h"
#include "base/alloc.h"
#include "base/loop.h"
#include "file.h"
#include "route.h"
#include "settings.h"
#include "settle.h"
#include "space.h"
#include "spool.h"
#include "tell.h"
#include "trash.h"

static struct wheel wheel;
static struct wheel_list ready = TAILQ_HEAD_INITIALIZER(ready);
static unsigned loading;
static bool stopped;

static uint32_t now_seconds(void)
{
	return (uint32_t)(loop_now() / 1000);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static struct entry *entry_of(struct wheel_node *n)
{
	return (struct entry *)((char *)n - offsetof(struct entry, node));
}

void load_forget(struct entry *e)
{
	e->scheduled = false;
	/* what has been called is on its way until it is there */
	if (!e->park.called)
		sched_unpark(&e->park, loop_now());
	wheel_clear(&wheel, &e->node);
	if (e->state == ENTRY_READY)
		TAILQ_REMOVE(&ready, &e->node, next);
}

void load_now(struct entry *e)
{
	load_forget(e);
	entry_state(e, ENTRY_READY);
	TAILQ_INSERT_TAIL(&ready, &e->node, next);
}

void load_all(struct entry *e)
{
	e->eager = true;
	load_now(e);
}

void load_later(struct entry *e, uint64_t ms)
{
	load_forget(e);
	if (ms == 0) {
		load_now(e);
		return;
	}
	entry_state(e, ENTRY_DEFERRED);
	wheel_set(&wheel, &e->node, now_seconds() + (uint32_t)((ms + 999) / 1000));
}

void load_scheduled(struct entry *e, int64_t at)
{
	int64_t wait = at - wall_seconds();

	load_later(e, wait > 0 ? (uint64_t)wait * 1000 : 0);
	e->scheduled = true;
}

/* The time on a file, if it makes sense; the wheel's clock does not jump. */
static void wait_for(struct entry *e, int64_t next)
{
	int64_t wait = next - wall_seconds();
	int64_t longest = (int64_t)(settings.maximal_backoff / 1000) * 5 / 4;

	if (wait > longest)
		wait = longest;
	load_later(e, wait > 0 ? (uint64_t)wait * 1000 : 0);
}

void load_as(struct entry *e, const struct spool_times *times)
{
	load_forget(e);
	if (times->next >= SPOOL_HOLD)
		entry_state(e, ENTRY_HELD);
	else if (times->scheduled)
		load_scheduled(e, times->next);
	else
		wait_for(e, times->next);
}

void load_trash(struct entry *e, uint64_t ms)
{
	load_forget(e);
	if (e->state != ENTRY_TRASH)
		entry_state(e, ENTRY_TRASH);
	wheel_set(&wheel, &e->node, now_seconds() + (uint32_t)((ms + 999) / 1000));
}

static void due(struct wheel_node *n, void *arg)
{
	struct entry *e = entry_of(n);

	(void)arg;
	if (e->state == ENTRY_TRASH)
		trash_end(e);
	else
		load_now(e);
}

void load_tick(void)
{
	wheel_advance(&wheel, now_seconds(), due, NULL);
	load_pump();
}

/* --- loading ---------------------------------------------------------------------------------- */

static void gone(struct message *m)
{
	struct entry *e = m->entry;

	message_free(m);
	entry_free(e);
	load_pump();
}

static void put_aside(struct message *m, int error)
{
	if (error != 0)
		log_error(&m->tag, EV("not-put-aside"), KZ("error", strerror(error)));
	gone(m);
}

static void unfinished_removed(struct message *m, int error)
{
	(void)error;
	gone(m);
}

static void not_loaded(struct message *m, int error)
{
	struct entry *e = m->entry;

	if (error == EBADMSG) {
		counts.damaged++;
		log_error(&m->tag, EV("message-damaged"), KZ("why", m->load_why),
		    KI("part", m->bad_part));
		file_quarantine(m, put_aside);
	} else if (error == ENODATA) {
		log_info(&m->tag, EV("unfinished-removed"), KZ("why", m->load_why));
		file_remove(m, unfinished_removed);
	} else if (error == ENOENT) {
		gone(m);
	} else {
		log_error(&m->tag, EV("not-readable"), KZ("error", strerror(error)));
		message_free(m);
		load_later(e, settings.maximal_backoff);
		load_pump();
	}
}

/* What a file says of attempts that were under way when the last process ended. */
static void mark_unknown(struct message *m)
{
	for (uint32_t i = 0; i < m->ntargets; i++) {
		struct target *t = &m->targets[i];

		if (!target_final(t))
			t->maybe = m->found || t->state == SLOT_DISPATCHED;
	}
}

static bool any_left(const struct message *m, bool *failed)
{
	bool left = false;

	*failed = false;
	for (uint32_t i = 0; i < m->ntargets; i++) {
		const struct target *t = &m->targets[i];

		left |= !target_final(t);
		*failed |= t->state == SLOT_FAILED && !t->expanded;
	}
	return left;
}

/*
 * Its process was killed between the seal and the time on the file, so no 250 was sent: what was
 * not to be sent off at once is not because of that.
 */
static bool interrupted(const struct message *m)
{
	for (uint32_t i = 0; i < m->ntargets; i++) {
		if (m->targets[i].generation > 0)
			return false;
	}
	return m->never_timed;
}

/* Whatever it was loaded for: what is held goes to nobody until it is released. */
static void keep_held(struct message *m)
{
	m->held = m->held && m->next_found >= SPOOL_HOLD;
	if (m->held && m->redirect == NULL && (m->wishes & (WISH_DELETE | WISH_EXPIRE)) == 0)
		m->wishes |= WISH_HOLD;
}

static void loaded(struct message *m, int error)
{
	bool failed, left;

	loading--;
	if (error != 0) {
		not_loaded(m, error);
		return;
	}
	m->tag.trace = m->content.envelope.trace;
	m->content.envelope.arrival = m->layout.arrival;
	m->flags = m->layout.flags;
	m->parent = m->layout.parent;
	mark_unknown(m);
	left = any_left(m, &failed);
	if (interrupted(m) && action_of(m, ACTION_HOLD) != NULL)
		m->wishes |= WISH_HOLD;
	/* a report comes first, and the message is read again after it */
	if (failed && m->redirect != NULL)
		route_not_redirected(m);
	keep_held(m);
	/* before the time on its file it is loaded only for what an administrator wants */
	if (message_waits(m) && (interrupted(m) || m->next_found >= m->content.envelope.release) &&
	    (m->wishes & (WISH_HOLD | WISH_DELETE | WISH_EXPIRE | WISH_RELEASE)) == 0) {
		settle_until(m, m->content.envelope.release);
		load_pump();
		return;
	}
	/* a report that was due comes before the next attempt, so that it is about the same */
	if (!left || failed || (m->wishes & (WISH_HOLD | WISH_DELETE | WISH_EXPIRE)) != 0) {
		m->again = left;
		settle(m);
	} else {
		accept_go(m);
	}
	load_pump();
}

static void load(struct entry *e, unsigned wishes)
{
	struct message *m = message_new(entry_id(e));

	load_forget(e);
	entry_state(e, ENTRY_ACTIVE);
	m->entry = e;
	e->m = m;
	m->found = e->found;
	m->called = e->park.called;
	m->all = e->eager || e->found;
	m->held = !e->eager;
	e->eager = false;
	e->found = false;
	m->wishes = (uint8_t)wishes;
	/* the first state of a message is COLLECTING */
	message_state(m, M_LOADING);
	loading++;
	file_load(m, loaded);
}

uint32_t load_room(void)
{
	uint64_t n = counts.messages[ENTRY_ACTIVE];

	return n < ACTIVE_MAX ? (uint32_t)(ACTIVE_MAX - n) : 0;
}

bool load_wants_more(void)
{
	return !stopped && counts.messages[ENTRY_READY] < 2 * LOADING_MAX &&
	       counts.messages[ENTRY_READY] < load_room();
}

void load_pump(void)
{
	struct wheel_node *n;

	while (!stopped && loading < LOADING_MAX && load_room() > 0 && !space_has_failed() &&
	       (n = TAILQ_FIRST(&ready)) != NULL)
		load(entry_of(n), 0);
}

void load_stop(void)
{
	stopped = true;
}

void load_for(struct entry *e, unsigned wishes)
{
	load(e, wishes);
}

void load_init(void)
{
	wheel_init(&wheel, now_seconds());
}
