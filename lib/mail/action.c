/* Actions of access(5) on their way to the queue. See action.h. */
#include "mail/action.h"

enum {
	ACTION_FIXED = 9, /* a byte and two lengths: bounds the count before allocating */
	NAME_MAX_BYTES = 76, /* of a header field that we add */
};

static const struct {
	const char *name;
	bool adds_up, value;
} kinds[ACTION_KINDS] = {
	[ACTION_HOLD] = { "HOLD", false, false },
	[ACTION_DISCARD] = { "DISCARD", false, false },
	[ACTION_REDIRECT] = { "REDIRECT", false, true },
	[ACTION_BCC] = { "BCC", true, true },
	[ACTION_FILTER] = { "FILTER", false, true },
	[ACTION_PREPEND] = { "PREPEND", true, true },
};

const char *action_name(uint8_t kind)
{
	return kinds[kind].name;
}

bool action_adds_up(uint8_t kind)
{
	return kinds[kind].adds_up;
}

bool action_is_field(struct str text)
{
	ssize_t colon = str_find(text, ':');

	if (colon <= 0 || colon > NAME_MAX_BYTES || text.n > ACTION_VALUE_MAX ||
	    str_trim(str_skip(text, (size_t)colon + 1)).n == 0)
		return false;
	/* RFC 5322 2.2 */
	for (ssize_t i = 0; i < colon; i++) {
		if (text.p[i] <= ' ' || text.p[i] > '~')
			return false;
	}
	return true;
}

void put_action(struct put *w, const struct action *a)
{
	put_u8(w, a->kind);
	put_str(w, a->value);
	put_str(w, str_take(a->rule, RULE_MAX));
}

int get_action(struct get *g, struct action *a)
{
	a->kind = get_u8(g);
	a->value = get_line(g, ACTION_VALUE_MAX);
	a->rule = get_line(g, RULE_MAX);
	if (a->kind >= ACTION_KINDS || (kinds[a->kind].value && a->value.n == 0) ||
	    (a->kind == ACTION_PREPEND && !action_is_field(a->value)))
		g->bad = true;
	return get_ok(g);
}

void put_actions(struct put *w, const struct action *a, uint32_t n)
{
	put_u32(w, n);
	for (uint32_t i = 0; i < n; i++)
		put_action(w, &a[i]);
}

int get_actions(struct get *g, struct arena *a, struct action **out, uint32_t *n)
{
	uint32_t count = get_u32(g);

	*out = NULL;
	*n = 0;
	if (count > ACTIONS_MAX || (size_t)(g->end - g->p) / ACTION_FIXED < count)
		g->bad = true;
	if (g->bad)
		return -1;
	*out = arena_array(a, count, sizeof **out);
	for (uint32_t i = 0; i < count; i++) {
		struct action *x = &(*out)[i];

		if (get_action(g, x) == 0 && x->kind == ACTION_PREPEND)
			g->bad = true;
		x->value = arena_str(a, x->value);
		x->rule = arena_str(a, x->rule);
	}
	if (!g->bad)
		*n = count;
	return get_ok(g);
}
