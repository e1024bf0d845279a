/* One message on its way in. See transaction.h. */
#include "transaction.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

struct transaction *transaction_new(void)
{
	struct transaction *t = xcalloc(1, sizeof *t);

	arena_init(&t->arena);
	return t;
}

void transaction_free(struct transaction *t)
{
	if (t == NULL)
		return;
	if (t->body != NULL)
		body_drop(t->body);
	if (t->content != NULL) {
		buf_clear(&t->content->held);
		authors_clear(&t->content->authors);
	}
	free(t->content);
	free(t->rcpt_hashes);
	free(t->envelope.rcpts);
	arena_clear(&t->arena);
	free(t);
}

/* FNV-1a; a collision costs one comparison, and there are at most a thousand to collide with. */
static uint64_t hash(struct str s)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
	return h;
}

bool transaction_has(const struct transaction *t, struct str addr)
{
	uint64_t h = hash(addr);

	for (uint32_t i = 0; i < t->envelope.nrcpts; i++) {
		if (t->rcpt_hashes[i] == h && str_eq(t->envelope.rcpts[i].addr, addr))
			return true;
	}
	return false;
}

/* One field more at the top of the message, above our Received. */
static enum action_outcome prepend(struct transaction *t, struct str field)
{
	size_t colon = (size_t)str_find(field, ':');
	struct edit e = { .kind = EDIT_INSERT,
		.name = str_take(field, colon),
		.value = str_skip(field, colon + 1) };

	for (uint32_t i = 0; i < t->nedits; i++) {
		if (str_eq(t->edits[i].name, e.name) && str_eq(t->edits[i].value, e.value))
			return ACTION_KNOWN;
	}
	if (t->nedits == LIMIT_PREPENDED || t->edit_bytes + field.n > LIMIT_PREPENDED_BYTES)
		return ACTION_TOO_MUCH;
	if (t->edits == NULL)
		t->edits = arena_array(&t->arena, LIMIT_PREPENDED, sizeof *t->edits);
	e.name = arena_str(&t->arena, e.name);
	e.value = arena_str(&t->arena, e.value);
	t->edits[t->nedits++] = e;
	t->edit_bytes += field.n;
	return ACTION_TAKEN;
}

/* Where an action of that kind stands, or would: one that adds up stands beside the others. */
static uint32_t find_action(const struct envelope *e, const struct action *a)
{
	uint32_t i = 0;

	while (i < e->nactions &&
	       (e->actions[i].kind != a->kind ||
		   (action_adds_up(a->kind) && !str_eq(e->actions[i].value, a->value))))
		i++;
	return i;
}

enum action_outcome transaction_act(struct transaction *t, const struct action *a)
{
	struct envelope *e = &t->envelope;
	uint32_t i;

	if (a->kind == ACTION_PREPEND)
		return prepend(t, a->value);
	i = find_action(e, a);
	if (i == ACTIONS_MAX)
		return ACTION_TOO_MUCH;
	if (i < e->nactions && str_eq(e->actions[i].value, a->value))
		return ACTION_KNOWN;
	if (e->actions == NULL)
		e->actions = arena_array(&t->arena, ACTIONS_MAX, sizeof *e->actions);
	e->actions[i] = (struct action){ .kind = a->kind,
		.value = arena_str(&t->arena, a->value),
		.rule = arena_str(&t->arena, a->rule) };
	if (i == e->nactions)
		e->nactions++;
	return ACTION_TAKEN;
}

void transaction_add(struct transaction *t)
{
	struct envelope *e = &t->envelope;

	if (e->nrcpts == t->rcpt_room) {
		t->rcpt_room = t->rcpt_room == 0 ? 2 : t->rcpt_room * 2;
		e->rcpts = xreallocarray(e->rcpts, t->rcpt_room, sizeof *e->rcpts);
		t->rcpt_hashes =
		    xreallocarray(t->rcpt_hashes, t->rcpt_room, sizeof *t->rcpt_hashes);
	}
	e->rcpts[e->nrcpts] = (struct envelope_rcpt){
		.addr = arena_str(&t->arena, t->asked.addr),
		.orcpt = arena_str(&t->arena, t->asked.orcpt),
		.notify = t->asked.notify,
	};
	t->rcpt_hashes[e->nrcpts++] = hash(t->asked.addr);
}
