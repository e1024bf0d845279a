/* What has become of one recipient. See outcome.h. */
#include "outcome.h"

#include "base/loop.h"
#include "breaker.h"
#include "settings.h"
#include "tell.h"

static struct breaker breaker;

/* What happens before the message is accepted is logged after that. */
static void tell(struct message *m, struct target *t,
    void (*fn)(const struct message *m, const struct target *t))
{
	if (m->state == M_SHORTCUT || m->state == M_SEALING)
		t->untold = true;
	else
		fn(m, t);
}

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

void outcome_deferred(struct message *m, struct target *t)
{
	tell(m, t, tell_deferred);
}

/* What another host says stands; what we say of ourselves may be a fault of ours. */
static bool is_held_back(const struct message *m, const struct target *t, const struct status *st)
{
	bool opened, held;

	if (st->code < 500 || t->relay.n > 0) {
		/* every failure makes a report, and that one arrives says nothing */
		if (m->content.envelope.sender.n > 0)
			breaker_note(&breaker, &settings.breaker, loop_now());
		return false;
	}
	held = breaker_failure(&breaker, &settings.breaker, t->attempts == 0, loop_now(), &opened);
	if (opened)
		log_error(&m->tag, EV("breaker-opened"), KS("to", target_rcpt(m, t)->addr),
		    KZ("status", st->text), KI("seconds", settings.breaker.hold / 1000));
	return held;
}

/* The same, but for now. */
static void hold_back(struct status *held, const struct status *st)
{
	status_set(held, 451, "4.3.0",
	    "Held back, because suddenly much mail cannot be delivered for reasons of this host: "
	    "%s",
	    st->text);
}

bool outcome_breaker_open(void)
{
	return breaker_open(&breaker, loop_now());
}

uint64_t outcome_held_back(void)
{
	return breaker.held;
}

void outcome(struct message *m, struct target *t, const struct status *st)
{
	struct status held;

	if (is_held_back(m, t, st)) {
		hold_back(&held, st);
		st = &held;
	}
	target_status(m, t, st);
	target_tried(m, t, wall_millis());
	if (status_good(st))
		delivered(m, t);
	else if (status_temporary(st))
		deferred(m, t);
	else
		failed(m, t);
}
