/* Taking messages in. See accept.h. */
#include "accept.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "action.h"
#include "base/crash.h"
#include "base/id.h"
#include "charge.h"
#include "file.h"
#include "lane.h"
#include "load.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "route.h"
#include "run.h"
#include "settings.h"
#include "space.h"
#include "spool.h"
#include "stock.h"
#include "tell.h"

enum {
	SHORTCUTS_MAX = 512, /* under way at once */
	FALLBACK_ROOM = 16 * 1024, /* what the file of a small message has besides its body */
	ARRIVAL_SLACK = 86400, /* seconds: how long ago a message that comes now may have begun */
};

/* Short cuts under way, the oldest first; all wait equally long. */
static struct message_list cuts = TAILQ_HEAD_INITIALIZER(cuts);
static struct timer cut_timer;
static unsigned ncuts;

/* --- answers ---------------------------------------------------------------------------------- */

static void answer(struct chan *c, struct chan_ref ref, const struct status *st)
{
	struct queue_answer a = { .status = *st };
	struct body *fresh = stock_new(c->owner);
	struct put w = put_start();

	if (fresh != NULL)
		a.fresh = fresh->id;
	put_queue_answer(&w, &a);
	chan_answer(c, ref, QUEUE_COMMIT, &w, fresh != NULL ? &fresh->fd : NULL, fresh != NULL);
}

static void answer_message(struct message *m, const struct status *st)
{
	if (m->client != NULL)
		answer(m->client, m->ref, st);
	m->client = NULL;
}

/* The promise. how: "spool", or "shortcut" past it. */
static void accepted(struct message *m, const char *how)
{
	char id[ID_TEXT + 1];
	struct status st;

	id_format(m->tag.queue, id);
	status_set(&st, 250, "2.0.0", "Ok: queued as %s", id);
	crash_point("accept.before_answer");
	answer_message(m, &st);
	crash_point("accept.after_answer");
	counts.accepted++;
	tell_accepted(m, how);
	tell_untold(m);
}

void accept_down(struct chan *c)
{
	struct message *m;

	TAILQ_FOREACH (m, message_all(), next) {
		if (m->client == c)
			m->client = NULL;
	}
}

/* --- into the spool --------------------------------------------------------------------------- */

/* It is not kept; what has gone out all the same is told. */
static void refuse(struct message *m)
{
	struct entry *e = m->entry;

	tell_untold(m);
	message_free(m);
	if (e != NULL)
		entry_free(e);
}

static bool all_done(const struct message *m)
{
	for (uint32_t i = 0; i < m->ntargets; i++) {
		if (m->targets[i].state != SLOT_DONE)
			return false;
	}
	return true;
}

/* Whether the short cut has tried it already. */
static bool tried(const struct message *m)
{
	return m->norder > 0;
}

void accept_sealed(struct message *m)
{
	entry_resize(m->entry, m->layout.trailer_offset + SPOOL_TRAILER);
	entry_state(m->entry, ENTRY_ACTIVE);
	space_release(m->reserved);
	m->reserved = 0;
}

static void unload(struct message *m)
{
	struct entry *e = m->entry;

	message_free(m);
	load_now(e);
}

/* A rule wants it kept until an administrator has looked at it. */
static void hold(struct message *m)
{
	struct entry *e = m->entry;

	tell_message(m, EV("held"));
	message_free(m);
	entry_state(e, ENTRY_HELD);
}

/* Its sender wants it kept for a while. */
static void schedule(struct message *m)
{
	struct entry *e = m->entry;
	int64_t at = m->content.envelope.release;

	log_info(
	    &m->tag, EV("scheduled"), KI("release", at), KS("login", m->content.envelope.login));
	message_free(m);
	load_scheduled(e, at);
}

/* All of it has been delivered. */
static void accepted_shortcut(struct message *m)
{
	counts.shortcuts++;
	crash_point("shortcut.before_answer");
	accepted(m, "shortcut");
	crash_point("shortcut.after_answer");
}

/* It is not in the spool, and no worker has it any more. */
static void without_spool(struct message *m)
{
	struct status st;

	if (all_done(m)) {
		/* meanwhile: who is told no sends it again */
		accepted_shortcut(m);
	} else {
		space_status(&st, m->unsealed);
		charge_refund(m);
		answer_message(m, &st);
	}
	refuse(m);
}

/* What a worker has, it may have delivered: that it says so is worth waiting for. */
static void not_sealed(struct message *m, int error)
{
	log_error(&m->tag, EV("commit-failed"), KZ("error", strerror(error)));
	m->unsealed = error;
	if (m->flying == 0)
		without_spool(m);
}

static void sealed(struct message *m, int error)
{
	if (error != 0) {
		not_sealed(m, error);
		return;
	}
	accept_sealed(m);
	accepted(m, "spool");
	if (m->hold)
		hold(m);
	else if (message_waits(m))
		schedule(m);
	else if (tried(m))
		run_continue(m);
	else if (load_room() == 0)
		unload(m);
	else if (m->routed)
		run_message(m);
	else
		accept_go(m);
}

static void seal(struct message *m)
{
	if (m->entry == NULL)
		m->entry = entry_new(m->tag.queue, 0, ENTRY_INCOMING);
	m->entry->m = m;
	message_state(m, M_SEALING);
	file_seal(m, sealed);
}

/* --- the short cut ---------------------------------------------------------------------------- */

static void cut_expired(void *arg);

static void cut_arm(void)
{
	struct message *m = TAILQ_FIRST(&cuts);
	uint64_t now = loop_now();

	if (m != NULL)
		timer_set(&cut_timer, m->deadline > now ? m->deadline - now : 0, cut_expired, NULL);
}

static void cut_end(struct message *m)
{
	TAILQ_REMOVE(&cuts, m, cut_next);
	m->in_cut = false;
	ncuts--;
}

/* Not done in time, or not all of it: into the spool, with what is known of each recipient. */
static void fall_back(struct message *m)
{
	cut_end(m);
	if (run_take_back(m)) {
		/* as if it had not been tried */
		m->norder = 0;
		m->again = false;
	}
	if (m->flying > 0) {
		for (uint32_t i = 0; i < m->ntargets; i++) {
			if (!target_final(&m->targets[i]))
				target_set(&m->targets[i], SLOT_DISPATCHED, false);
		}
	}
	seal(m);
}

static void cut_expired(void *arg)
{
	struct message *m;

	(void)arg;
	while ((m = TAILQ_FIRST(&cuts)) != NULL && m->deadline <= loop_now())
		fall_back(m);
	cut_arm();
}

static void shortcut(struct message *m)
{
	message_state(m, M_SHORTCUT);
	m->deadline = loop_now() + SHORTCUT_MS;
	m->in_cut = true;
	TAILQ_INSERT_TAIL(&cuts, m, cut_next);
	if (++ncuts == 1 || !cut_timer.armed)
		cut_arm();
	run_direct(m);
	crash_point("shortcut.after_dispatch");
}

void accept_shortcut(struct message *m)
{
	crash_point("shortcut.after_result");
	if (m->state == M_SEALING) {
		if (m->unsealed != 0 && m->flying == 0)
			without_spool(m);
		return;
	}
	if (m->flying > 0 || m->waiting > 0)
		return;
	if (!all_done(m)) {
		fall_back(m);
		return;
	}
	cut_end(m);
	accepted_shortcut(m);
	message_free(m);
}

/* The kind of place that all of it goes to, of which nobody wants a report; TRANSPORT_MAX = not one. */
static uint8_t transport_of(const struct message *m)
{
	uint8_t transport =
	    m->targets[0].route != NULL ? m->targets[0].route->transport : TRANSPORT_MAX;

	for (uint32_t i = 0; i < m->ntargets; i++) {
		const struct target *t = &m->targets[i];

		if (t->route == NULL || t->route->transport != transport || t->route->owner.n > 0 ||
		    (target_rcpt(m, t)->notify & NOTIFY_SUCCESS) != 0)
			return TRANSPORT_MAX;
	}
	return transport;
}

/* All of it goes to plain mailboxes, or to a next hop that takes it as quickly as the disk would. */
static bool shortcut_allowed(const struct message *m)
{
	if (m->memfd == -1 || m->nexpansion > 0 || m->ntargets > SHORTCUT_RCPTS ||
	    ncuts >= SHORTCUTS_MAX || space_has_failed())
		return false;
	switch (transport_of(m)) {
	case TRANSPORT_MAILDIR:
		return proc_peer(ROLE_MAILDIR) != NULL;
	case TRANSPORT_SMTP:
	case TRANSPORT_LMTP:
		return run_prompt(m);
	default:
		return false;
	}
}

static void routed(struct message *m)
{
	m->routed = true;
	if (m->entry != NULL)
		run_message(m);
	else if (shortcut_allowed(m))
		shortcut(m);
	else
		seal(m);
}

void accept_go(struct message *m)
{
	message_state(m, M_ROUTING);
	route_start(m, m->client != NULL ? ROUTE_CLIENT_MS : ROUTE_MS, routed);
}

/* --- a commit --------------------------------------------------------------------------------- */

void accept_targets(struct message *m)
{
	const struct envelope *e = &m->content.envelope;

	m->layout.slots = e->nrcpts;
	m->ntargets = m->cap_targets = e->nrcpts;
	m->targets = arena_array(&m->arena, e->nrcpts, sizeof *m->targets);
	for (uint32_t i = 0; i < e->nrcpts; i++)
		m->targets[i] = (struct target){ .rcpt = i, .index = i, .state = SLOT_PENDING };
}

static int bad_body(struct message *m, const char *why, struct status *st)
{
	log_error(&m->tag, EV("bad-body"), KZ("why", why), KI("size", m->layout.body_size));
	return status_set(st, 451, "4.3.0", "The message could not be stored; try again later");
}

/* From now on nobody can change it, and it is as long as smtpd says. */
static int freeze_body(struct message *m, struct status *st)
{
	uint64_t most = m->memfd != -1 ? BODY_SMALL : settings.message_size_limit;
	struct stat s;

	if (m->layout.body_size > most)
		return bad_body(m, "it is larger than it may be", st);
	if (m->memfd != -1 && fcntl(m->memfd, F_ADD_SEALS,
				  F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == -1)
		return bad_body(m, "it cannot be sealed", st);
	if (fstat(m->memfd != -1 ? m->memfd : m->fd, &s) == -1)
		return bad_body(m, "it cannot be looked at", st);
	if (m->layout.body_size > (uint64_t)s.st_size ||
	    (m->memfd == -1 && m->layout.body_size + SPOOL_HEADER > (uint64_t)s.st_size))
		return bad_body(m, "it is shorter than was said", st);
	return 0;
}

static void take_envelope(struct message *m)
{
	struct envelope *e = &m->content.envelope;
	int64_t now = wall_millis() * 1000;

	*e = m->commit.envelope;
	m->content.edits = m->commit.edits;
	m->content.nedits = m->commit.nedits;
	m->layout.body_size = m->commit.size;
	m->tag.trace = e->trace;
	if (e->arrival > now || e->arrival < now - ARRIVAL_SLACK * INT64_C(1000000))
		e->arrival = now;
	if (e->release >= SPOOL_HOLD)
		e->release = SPOOL_HOLD - 1;
	action_recipients(m);
	accept_targets(m);
	m->hold = action_of(m, ACTION_HOLD) != NULL;
}

static void dropped_file(struct message *m, int error)
{
	(void)error; /* it is not sealed: the next start removes it */
	refuse(m);
}

/* Not, or not any more, to be kept. */
static void drop(struct message *m)
{
	if (m->memfd == -1)
		file_remove(m, dropped_file);
	else
		refuse(m);
}

/* A rule wants the client to believe that it was delivered. */
static void discard(struct message *m)
{
	accepted(m, "discard");
	tell_message(m, EV("discarded"));
	drop(m);
}

static void laned(struct message *m, bool known)
{
	struct status st;

	if (!known)
		status_set(&st, 451, "4.3.0", "A table could not be asked; try again later");
	if (!known || charge_message(m, &st) == -1) {
		answer_message(m, &st);
		drop(m);
	} else if (m->memfd != -1 && m->ntargets <= SHORTCUT_RCPTS && !m->hold &&
		   !message_waits(m)) {
		accept_go(m);
	} else {
		seal(m);
	}
}

static void commit(struct message *m)
{
	bool small = m->memfd != -1;
	uint64_t need = m->layout.body_size + FALLBACK_ROOM;
	struct status st;

	if (freeze_body(m, &st) == -1 || (small && space_check(need, &st) == -1)) {
		answer_message(m, &st);
		drop(m);
		return;
	}
	if (action_of(m, ACTION_DISCARD) != NULL) {
		discard(m);
		return;
	}
	if (small) {
		m->reserved = need;
		space_reserve(need);
	}
	lane_decide(m, laned);
}

static int refuse_unknown(struct chan *c, const struct ipc_msg *msg)
{
	struct status st;

	if (msg->id == 0)
		return 0; /* a part: the last one gets the answer */
	status_set(&st, 451, "4.3.0", "The message was lost in a restart; try again");
	answer(c, (struct chan_ref){ msg->id, msg->gen }, &st);
	return 0;
}

int accept_on_commit(struct chan *c, struct ipc_msg *msg)
{
	struct get g = get_start(msg->body), peek = g;
	uint64_t id = get_u64(&peek);
	struct body *b = stock_find(c->owner, id);
	struct message *m;
	bool more;

	if (b == NULL || (b->kind != BODY_MEMORY && b->kind != BODY_FILE))
		return refuse_unknown(c, msg);
	if (b->m == NULL)
		b->m = message_new(id);
	m = b->m;
	if (get_commit_part(&g, &m->arena, &m->commit, &more) == -1 || more != (msg->id == 0))
		return -1;
	if (more)
		return 0;
	stock_take(b, m);
	m->client = c;
	m->ref = (struct chan_ref){ msg->id, msg->gen };
	take_envelope(m);
	commit(m);
	return 0;
}
