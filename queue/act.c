/* What an administrator may do to a message. See walk.h. */
#include "load.h"
#include "run.h"
#include "walk.h"

/* What needs the message in memory. */
static bool wish(struct entry *e, unsigned wishes)
{
	if (e->state == ENTRY_INCOMING)
		return false;
	if (e->m != NULL)
		run_wish(e->m, wishes);
	else
		load_for(e, wishes);
	return true;
}

static bool act_hold(struct entry *e)
{
	return e->state != ENTRY_HELD && wish(e, WISH_HOLD);
}

static bool act_release(struct entry *e)
{
	if (e->scheduled)
		return wish(e, WISH_RELEASE);
	if (e->state != ENTRY_HELD)
		return false;
	load_now(e);
	return true;
}

static bool act_requeue(struct entry *e)
{
	if (e->state == ENTRY_HELD || e->state == ENTRY_DEFERRED)
		load_now(e);
	else if (e->m != NULL)
		return wish(e, WISH_REQUEUE);
	return true;
}

static bool act_delete(struct entry *e)
{
	return wish(e, WISH_DELETE);
}

static bool act_expire(struct entry *e)
{
	return wish(e, WISH_EXPIRE);
}

static bool act_flush(struct entry *e)
{
	if (e->state != ENTRY_DEFERRED)
		return false;
	load_now(e);
	return true;
}

static const struct queue_action actions[] = {
	{ "hold", act_hold },
	{ "release", act_release },
	{ "requeue", act_requeue },
	{ "delete", act_delete },
	{ "expire", act_expire },
	{ "flush", act_flush, true },
};

const struct queue_action *act_find(struct str name)
{
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
		if (str_eq(name, str_of(actions[i].name)))
			return &actions[i];
	}
	return NULL;
}
