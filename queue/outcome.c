/* What has become of one recipient. See outcome.h. */
#include "outcome.h"

#include "tell.h"

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

void outcome(struct message *m, struct target *t, const struct status *st)
{
	target_status(m, t, st);
	t->attempts++;
	if (status_good(st))
		delivered(m, t);
	else if (status_temporary(st))
		deferred(m, t);
	else
		failed(m, t);
}
