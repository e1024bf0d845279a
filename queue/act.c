/* What an administrator may do to a message. See walk.h. */
#include "load.h"
#include "run.h"
#include "walk.h"

/* What needs the message in memory. */
static void wish(struct entry *e, unsigned wishes)
{
	if (e->m != NULL)
		run_wish(e->m, wishes);
	else
		load_for(e, wishes);
}

static bool may_any(const struct entry *e)
{
	return e->state != ENTRY_INCOMING;
}

static bool may_hold(const struct entry *e)
{
	return may_any(e) && e->state != ENTRY_HELD;
}

static void act_hold(struct entry *e)
{
	wish(e, WISH_HOLD);
}

static bool may_release(const struct entry *e)
{
	return may_any(e) && (e->scheduled || e->state == ENTRY_HELD);
}

static void act_release(struct entry *e)
{
	if (e->scheduled)
		wish(e, WISH_RELEASE);
	else
		load_all(e);
}

static void act_requeue(struct entry *e)
{
	if (e->state == ENTRY_HELD || e->state == ENTRY_DEFERRED)
		load_all(e);
	else if (e->m != NULL)
		wish(e, WISH_REQUEUE);
}

static void act_delete(struct entry *e)
{
	wish(e, WISH_DELETE);
}

static void act_expire(struct entry *e)
{
	wish(e, WISH_EXPIRE);
}

static bool may_flush(const struct entry *e)
{
	return e->state == ENTRY_DEFERRED;
}

static void act_flush(struct entry *e)
{
	load_all(e);
}

static const struct queue_action actions[] = {
	{ "hold", may_hold, act_hold },
	{ "release", may_release, act_release },
	{ "requeue", may_any, act_requeue },
	{ "delete", may_any, act_delete },
	{ "expire", may_any, act_expire },
	{ "flush", may_flush, act_flush, .revive = true },
};

const struct queue_action *act_find(struct str name)
{
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
		if (str_eq(name, str_of(actions[i].name)))
			return &actions[i];
	}
	return NULL;
}
