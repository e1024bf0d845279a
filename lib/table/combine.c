/*
 * unionmap:{a, b}: the values of all tables that know the key, with commas between.
 * pipemap:{a, b}: the value of one is the key for the next; found when all know theirs.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "table/impl.h"

enum { PARTS_MAX = 64 };

struct parts {
	struct table *part[PARTS_MAX];
	unsigned n;
};

static void unload(void *content)
{
	struct parts *p = content;

	for (unsigned i = 0; i < p->n; i++)
		table_close(p->part[i]);
	free(p);
}

static void *load(struct table *t, struct str text, int fd, char *why)
{
	struct parts *p = xcalloc(1, sizeof *p);
	struct str rest, item;

	(void)fd;
	if (text.n < 2 || text.p[0] != '{' || text.p[text.n - 1] != '}') {
		table_why(why, "%s: wants {type:name, ...}", t->type->name);
		goto fail;
	}
	rest = (struct str){ text.p + 1, text.n - 2 };
	while (table_list_item(&rest, &item)) {
		if (p->n == PARTS_MAX) {
			table_why(why, "%s: more than %d tables", t->type->name, PARTS_MAX);
			goto fail;
		}
		p->part[p->n] = table_open_nested(t->dir, item, t->flags, t->depth + 1, why);
		if (p->part[p->n] == NULL)
			goto fail;
		p->n++;
	}
	if (p->n > 0)
		return p;
	table_why(why, "%s: no table in it", t->type->name);
fail:
	unload(p);
	return NULL;
}

static bool refresh(struct table *t, uint64_t now)
{
	struct parts *p = t->content;
	bool changed = false;

	t->stale[0] = '\0';
	for (unsigned i = 0; i < p->n; i++) {
		changed |= table_refresh(p->part[i], now);
		if (t->stale[0] == '\0' && table_stale(p->part[i])[0] != '\0')
			table_why(t->stale, "%s", table_stale(p->part[i]));
	}
	return changed;
}

static bool any_pattern(const struct table *t)
{
	const struct parts *p = t->content;

	for (unsigned i = 0; i < p->n; i++) {
		if (table_is_pattern(p->part[i]))
			return true;
	}
	return false;
}

static enum table_result union_lookup(
    struct table *t, struct str key, struct arena *a, struct table_answer *out)
{
	struct parts *p = t->content;
	struct table_answer one, all = { STR_NONE, STR_NONE, STR_NONE };
	struct buf b;
	bool found = false;

	buf_init(&b, TABLE_VALUE_MAX);
	for (unsigned i = 0; i < p->n; i++) {
		enum table_result r = table_lookup(p->part[i], key, a, &one);

		if (r == TABLE_FAILED) {
			buf_clear(&b);
			*out = one;
			return r;
		}
		if (r == TABLE_NONE)
			continue;
		if (!found)
			all.rule = one.rule;
		if (found)
			buf_char(&b, ',');
		buf_str(&b, one.value);
		found = true;
	}
	if (b.full) {
		buf_clear(&b);
		return table_fail(
		    a, out, str_of(t->spec), "the result is longer than %d bytes", TABLE_VALUE_MAX);
	}
	all.value = arena_str(a, buf_view(&b));
	buf_clear(&b);
	*out = all;
	return found ? TABLE_FOUND : TABLE_NONE;
}

static enum table_result pipe_lookup(
    struct table *t, struct str key, struct arena *a, struct table_answer *out)
{
	struct parts *p = t->content;

	for (unsigned i = 0; i < p->n; i++) {
		enum table_result r = table_lookup(p->part[i], key, a, out);

		if (r != TABLE_FOUND)
			return r;
		key = out->value;
	}
	return TABLE_FOUND;
}

const struct table_type table_unionmap = { .name = "unionmap",
	.source = SOURCE_SPEC,
	.load = load,
	.unload = unload,
	.lookup = union_lookup,
	.any_pattern = any_pattern,
	.refresh = refresh };
const struct table_type table_pipemap = { .name = "pipemap",
	.source = SOURCE_SPEC,
	.load = load,
	.unload = unload,
	.lookup = pipe_lookup,
	.any_pattern = any_pattern,
	.refresh = refresh };
