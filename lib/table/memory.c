/*
 * texthash:, inline: and static: tables that live in memory. A key that stands twice counts where
 * it stands first.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "table/impl.h"
#include "table/lines.h"

struct entry {
	struct str key, value;
	unsigned line; /* 0 = none */
};

struct memory {
	struct arena arena;
	struct entry *entries;
	uint32_t n, cap;
	uint32_t *slots; /* number of an entry + 1; size is a power of two */
	uint32_t mask;
};

static uint64_t hash(struct str key)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < key.n; i++)
		h = (h ^ (unsigned char)key.p[i]) * 1099511628211u;
	return h ^ (h >> 32);
}

static struct entry *find(const struct memory *m, struct str key, uint32_t *slot)
{
	uint32_t at = (uint32_t)hash(key) & m->mask;

	for (; m->slots[at] != 0; at = (at + 1) & m->mask) {
		if (str_eq(m->entries[m->slots[at] - 1].key, key))
			return &m->entries[m->slots[at] - 1];
	}
	*slot = at;
	return NULL;
}

static void grow(struct memory *m)
{
	uint32_t slot = 0;

	m->cap = m->cap == 0 ? 16 : m->cap * 2;
	m->entries = xreallocarray(m->entries, m->cap, sizeof *m->entries);
	free(m->slots);
	m->slots = xcalloc((size_t)m->cap * 2, sizeof *m->slots);
	m->mask = m->cap * 2 - 1;
	for (uint32_t i = 0; i < m->n; i++) {
		find(m, m->entries[i].key, &slot);
		m->slots[slot] = i + 1;
	}
}

/* Strings are copied. Nothing happens when the key is there already. */
static void add(struct memory *m, struct str key, struct str value, unsigned line)
{
	uint32_t slot = 0;

	if (m->n == m->cap)
		grow(m);
	if (find(m, key, &slot) != NULL)
		return;
	m->entries[m->n] =
	    (struct entry){ arena_str(&m->arena, key), arena_str(&m->arena, value), line };
	m->slots[slot] = ++m->n;
}

static struct memory *memory_new(void)
{
	struct memory *m = xcalloc(1, sizeof *m);

	arena_init(&m->arena);
	grow(m);
	return m;
}

static void unload(void *content)
{
	struct memory *m = content;

	arena_clear(&m->arena);
	free(m->entries);
	free(m->slots);
	free(m);
}

static enum table_result lookup(
    struct table *t, struct str key, struct arena *a, struct table_answer *out)
{
	const struct memory *m = t->content;
	uint32_t slot;
	const struct entry *e = find(m, key, &slot);

	if (e == NULL)
		return TABLE_NONE;
	out->value = arena_str(a, e->value);
	out->rule = e->line == 0 ? arena_str(a, str_of(t->spec)) : table_rule(t, e->line, a);
	return TABLE_FOUND;
}

static int each(struct table *t, table_each_fn *fn, void *arg, char *why)
{
	const struct memory *m = t->content;
	int r = 0;

	(void)why;
	for (uint32_t i = 0; i < m->n && r == 0; i++)
		r = fn(arg, m->entries[i].key, m->entries[i].value);
	return r;
}

static void *texthash_load(struct table *t, struct str text, int fd, char *why)
{
	struct memory *m = memory_new();
	struct arena scratch;
	struct lines l;
	struct str line, key, value;
	const char *fault = NULL;
	int r;

	(void)fd;
	arena_init(&scratch);
	lines_init(&l, text);
	while ((r = lines_next(&l, &line, &fault)) == 1) {
		if (lines_entry(line, &key, &value, &fault) == -1) {
			r = -1;
			break;
		}
		arena_reset(&scratch);
		add(m, table_fold(&scratch, key, t->flags), value, l.start);
	}
	if (r == -1) {
		table_why(
		    why, "%s:%u: the line %s", t->path, l.start != 0 ? l.start : l.next, fault);
		unload(m);
		m = NULL;
	}
	lines_clear(&l);
	arena_clear(&scratch);
	return m;
}

/* What is inside {...}, or -1. */
static int unbrace(struct str s, struct str *out)
{
	if (s.n < 2 || s.p[0] != '{' || s.p[s.n - 1] != '}')
		return -1;
	*out = str_trim((struct str){ s.p + 1, s.n - 2 });
	return 0;
}

static void *inline_load(struct table *t, struct str text, int fd, char *why)
{
	struct memory *m = memory_new();
	struct str rest, item, inner;
	ssize_t eq;

	(void)fd;
	if (unbrace(text, &rest) == -1) {
		table_why(why, "inline: wants {key = value, ...}");
		goto fail;
	}
	while (table_list_item(&rest, &item)) {
		if (unbrace(item, &inner) == 0)
			item = inner;
		eq = str_find(item, '=');
		if (eq <= 0 || str_trim(str_skip(item, (size_t)eq + 1)).n == 0) {
			table_why(why, "inline: wants key=value, not \"%.*s\"",
			    STR_ARG(str_take(item, 100)));
			goto fail;
		}
		add(m, table_fold(&m->arena, str_trim(str_take(item, (size_t)eq)), t->flags),
		    str_trim(str_skip(item, (size_t)eq + 1)), 0);
	}
	return m;
fail:
	unload(m);
	return NULL;
}

static void *static_load(struct table *t, struct str text, int fd, char *why)
{
	struct memory *m;
	struct str value = text;

	(void)t;
	(void)fd;
	unbrace(text, &value);
	if (value.n == 0) {
		table_why(why, "static: wants a value");
		return NULL;
	}
	m = memory_new();
	add(m, STR_NONE, value, 0);
	return m;
}

static enum table_result static_lookup(
    struct table *t, struct str key, struct arena *a, struct table_answer *out)
{
	(void)key;
	return lookup(t, STR_NONE, a, out);
}

const struct table_type table_texthash = { .name = "texthash",
	.source = SOURCE_TEXT,
	.fold = true,
	.load = texthash_load,
	.unload = unload,
	.lookup = lookup,
	.each = each };
const struct table_type table_inline = { .name = "inline",
	.source = SOURCE_SPEC,
	.fold = true,
	.load = inline_load,
	.unload = unload,
	.lookup = lookup,
	.each = each };
const struct table_type table_static = { .name = "static",
	.source = SOURCE_SPEC,
	.pattern = true,
	.load = static_load,
	.unload = unload,
	.lookup = static_lookup };
