/* Events as they arrive. See event.h. */
#include "event.h"

#include <string.h>

uint32_t get_dropped(struct get *g)
{
	return get_u32(g);
}

/* A name that can stand in a line unquoted, whoever made it. */
static bool is_word(struct str s)
{
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_alpha(s.p[i]) && !ascii_digit(s.p[i]) &&
		    memchr("-_.", s.p[i], 3) == NULL)
			return false;
	return true;
}

static int get_field(struct get *g, struct kv *f, char key[LOG_KEY_MAX + 1])
{
	struct str name = get_str(g, LOG_KEY_MAX);
	uint8_t kind = get_u8(g);

	*f = (struct kv){ .key = key, .kind = kind == KV_INT ? KV_INT : KV_STR };
	if (kind == KV_INT)
		f->i = get_i64(g);
	else
		f->s = get_str(g, LOG_VALUE_MAX);
	if (get_ok(g) == -1 || (kind != KV_INT && kind != KV_STR) || !is_word(name))
		return -1;
	return str_copy(name, key, LOG_KEY_MAX + 1);
}

int get_event(struct get *g, struct entry *e)
{
	if (get_ok(g) == 0 && g->p == g->end)
		return 0;
	e->level = get_u8(g);
	e->time = get_i64(g);
	e->tag.trace = get_u64(g);
	e->tag.queue = get_u64(g);
	e->name = get_str(g, LOG_EVENT_MAX);
	e->nfields = get_u8(g);
	if (get_ok(g) == -1 || e->level > LEVEL_ERROR || e->nfields > LOG_FIELDS_MAX ||
	    !is_word(e->name))
		return -1;
	for (uint8_t i = 0; i < e->nfields; i++)
		if (get_field(g, &e->fields[i], e->keys[i]) == -1)
			return -1;
	return 1;
}

static const struct kv *find(const struct entry *e, const char *key)
{
	for (uint8_t i = 0; i < e->nfields; i++)
		if (strcmp(e->fields[i].key, key) == 0)
			return &e->fields[i];
	return NULL;
}

struct str event_str(const struct entry *e, const char *key)
{
	const struct kv *f = find(e, key);

	return f != NULL && f->kind == KV_STR ? f->s : STR_NONE;
}

int64_t event_int(const struct entry *e, const char *key, int64_t none)
{
	const struct kv *f = find(e, key);

	return f != NULL && f->kind == KV_INT ? f->i : none;
}
