/* What an administrator may do to a message. See walk.h. */
#include "load.h"
#include "run.h"
#include "settings.h"
#include "trash.h"
#include "walk.h"

/* What needs the message in memory; what is in the trash is not for these. */
static void wish(struct entry *e, unsigned wishes)
{
	if (e->m != NULL)
		run_wish(e->m, wishes);
	else
		load_for(e, wishes);
}

static bool may_any(const struct entry *e)
{
	return e->state != ENTRY_INCOMING && e->state != ENTRY_TRASH;
}

static bool may_hold(const struct entry *e)
{
	return may_any(e) && e->state != ENTRY_HELD;
}

static void act_hold(struct entry *e, const struct queue_order *o)
{
	(void)o;
	wish(e, WISH_HOLD);
}

static bool may_release(const struct entry *e)
{
	return may_any(e) && (e->scheduled || e->state == ENTRY_HELD);
}

static void act_release(struct entry *e, const struct queue_order *o)
{
	(void)o;
	if (e->scheduled)
		wish(e, WISH_RELEASE);
	else
		load_all(e);
}

static void act_requeue(struct entry *e, const struct queue_order *o)
{
	(void)o;
	if (e->state == ENTRY_HELD || e->state == ENTRY_DEFERRED)
		load_all(e);
	else if (e->m != NULL)
		wish(e, WISH_REQUEUE);
}

static void act_delete(struct entry *e, const struct queue_order *o)
{
	if (e->m == NULL && settings.trash_time > 0) {
		trash_put(e, o->when);
		return;
	}
	wish(e, WISH_DELETE);
	if (e->m != NULL)
		e->m->deleted = o->when;
}

static void act_expire(struct entry *e, const struct queue_order *o)
{
	(void)o;
	wish(e, WISH_EXPIRE);
}

static bool may_flush(const struct entry *e)
{
	return e->state == ENTRY_DEFERRED;
}

static void act_flush(struct entry *e, const struct queue_order *o)
{
	(void)o;
	load_all(e);
}

static bool may_trash(const struct entry *e)
{
	return e->state == ENTRY_TRASH && !e->moving;
}

static void act_restore(struct entry *e, const struct queue_order *o)
{
	(void)o;
	trash_restore(e);
}

static void act_empty(struct entry *e, const struct queue_order *o)
{
	(void)o;
	trash_end(e);
}

/* Not what is being delivered this moment, or shall not be before a time of its sender's. */
static bool may_redirect(const struct entry *e)
{
	return may_any(e) && e->m == NULL && !e->scheduled;
}

static void act_redirect(struct entry *e, const struct queue_order *o)
{
	struct redirect *r;

	load_for(e, 0);
	r = arena_alloc(&e->m->arena, sizeof *r);
	r->to = arena_str(&e->m->arena, str_of(o->to));
	r->filter = arena_str(&e->m->arena, str_of(o->nexthop));
	e->m->redirect = r;
}

static const struct queue_action actions[] = {
	{ "hold", may_hold, act_hold },
	{ "release", may_release, act_release },
	{ "requeue", may_any, act_requeue },
	{ "delete", may_any, act_delete },
	{ "expire", may_any, act_expire },
	{ "flush", may_flush, act_flush, .revive = true },
	{ "redirect", may_redirect, act_redirect, .elsewhere = true },
	{ "restore", may_trash, act_restore, .trash = true },
	{ "empty", may_trash, act_empty, .trash = true },
};

const struct queue_action *act_find(struct str name)
{
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
		if (str_eq(name, str_of(actions[i].name)))
			return &actions[i];
	}
	return NULL;
}
