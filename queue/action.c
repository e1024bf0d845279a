/* Actions of access(5). See action.h. */
#include "action.h"

#include <string.h>

const struct action *action_of(const struct message *m, enum action_kind kind)
{
	const struct envelope *e = &m->content.envelope;

	for (uint32_t i = 0; i < e->nactions; i++) {
		if (e->actions[i].kind == kind)
			return &e->actions[i];
	}
	return NULL;
}

/* One recipient instead of all. It answers for the first: what that one's sender asked for. */
static void redirect(struct envelope *e, const struct action *a)
{
	e->rcpts[0].addr = a->value;
	e->nrcpts = 1;
}

static bool has(const struct envelope *e, struct str addr)
{
	for (uint32_t i = 0; i < e->nrcpts; i++) {
		if (str_caseeq(e->rcpts[i].addr, addr))
			return true;
	}
	return false;
}

/* Nobody hears what becomes of a copy that he does not know of. */
static void add_copy(struct message *m, const struct action *a)
{
	struct envelope *e = &m->content.envelope;
	struct envelope_rcpt *all;

	if (has(e, a->value))
		return;
	all = arena_array(&m->arena, e->nrcpts + 1, sizeof *all);
	memcpy(all, e->rcpts, e->nrcpts * sizeof *all);
	all[e->nrcpts++] =
	    (struct envelope_rcpt){ .addr = a->value, .orcpt = STR_NONE, .notify = NOTIFY_NEVER };
	e->rcpts = all;
}

void action_recipients(struct message *m)
{
	struct envelope *e = &m->content.envelope;
	const struct action *other = action_of(m, ACTION_REDIRECT);

	if (other != NULL) {
		redirect(e, other);
		return;
	}
	for (uint32_t i = 0; i < e->nactions; i++) {
		if (e->actions[i].kind == ACTION_BCC)
			add_copy(m, &e->actions[i]);
	}
}
