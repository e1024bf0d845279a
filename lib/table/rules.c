/* Ordered rules. See rules.h. */
#include "table/rules.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "table/lines.h"

/* While a text is read: the "if" rules that wait for their endif. */
struct pending {
	uint32_t open[RULES_IF_DEPTH];
	unsigned n;
};

static struct rule *add(struct rules *rs, unsigned line)
{
	if (rs->n == rs->cap) {
		rs->cap = rs->cap == 0 ? 16 : rs->cap * 2;
		rs->rule = xreallocarray(rs->rule, rs->cap, sizeof *rs->rule);
	}
	rs->rule[rs->n] = (struct rule){ .line = line };
	return &rs->rule[rs->n++];
}

/* "if" before a blank, a "!" or a pattern; "ifx.example.org" is a key like any other. */
static bool is_if(struct str line)
{
	return line.n > 2 && str_casestarts(line, STR("if")) && !ascii_alpha(line.p[2]) &&
	       !ascii_digit(line.p[2]) && line.p[2] != '.' && line.p[2] != ':' && line.p[2] != '-';
}

static int endif(struct rules *rs, struct pending *p, char *why)
{
	if (p->n == 0)
		return table_why(why, "endif without if");
	rs->rule[p->open[--p->n]].behind = rs->n;
	return 0;
}

static int one_rule(struct rules *rs, const struct rules_hooks *hooks, struct pending *p,
    struct str line, unsigned number, char *why)
{
	struct rule *r;
	bool opens = is_if(line);
	struct str rest = opens ? str_trim(str_skip(line, 2)) : line;

	if (str_caseeq(line, STR("endif")))
		return endif(rs, p, why);
	if (rs->n == RULES_MAX)
		return table_why(why, "more than %d rules", RULES_MAX);
	r = add(rs, number);
	r->negate = rest.n > 0 && rest.p[0] == '!';
	if (r->negate)
		rest = str_trim(str_skip(rest, 1));
	r->text = rest;
	if (hooks->compile(rs, r, &rest, why) == -1)
		return -1;
	r->text = arena_str(&rs->arena, str_take(r->text, r->text.n - rest.n));
	rest = str_trim(rest);
	if (opens) {
		if (rest.n > 0)
			return table_why(why, "there is text behind the pattern of if");
		if (p->n == RULES_IF_DEPTH)
			return table_why(why, "more than %d if inside each other", RULES_IF_DEPTH);
		p->open[p->n++] = rs->n - 1;
		return 0;
	}
	if (rest.n == 0)
		return table_why(why, "wants a pattern and a value");
	r->value = arena_str(&rs->arena, rest);
	return hooks->check == NULL ? 0 : hooks->check(rs, r, why);
}

int rules_load(
    struct rules *rs, const struct rules_hooks *hooks, const char *path, struct str text, char *why)
{
	struct pending pending = { .n = 0 };
	struct lines l;
	struct str line;
	const char *fault = NULL;
	char sentence[TABLE_WHY];
	int r;

	lines_init(&l, text);
	while ((r = lines_next(&l, &line, &fault)) == 1) {
		if (one_rule(rs, hooks, &pending, line, l.start, sentence) == -1) {
			table_why(why, "%s:%u: %.200s", path, l.start, sentence);
			break;
		}
	}
	if (r == -1)
		table_why(why, "%s:%u: the line %s", path, l.start != 0 ? l.start : l.next, fault);
	lines_clear(&l);
	if (r == 0 && pending.n > 0) {
		table_why(why, "%s:%u: if without endif", path,
		    rs->rule[pending.open[pending.n - 1]].line);
		r = -1;
	}
	return r == 0 ? 0 : -1;
}

void rules_clear(struct rules *rs)
{
	arena_clear(&rs->arena);
	free(rs->rule);
	*rs = (struct rules){ .rule = NULL };
}

const struct rule *rules_find(struct rules *rs, const struct rules_hooks *hooks,
    const void *subject, const struct rule **failed, char *why)
{
	uint32_t i = 0;

	*failed = NULL;
	while (i < rs->n) {
		const struct rule *r = &rs->rule[i];
		int m = hooks->match(rs, r, subject, why);

		if (m == -1) {
			*failed = r;
			return NULL;
		}
		if ((m == 1) != r->negate) {
			if (r->value.n > 0)
				return r;
			i++;
		} else {
			i = r->value.n == 0 ? r->behind : i + 1;
		}
	}
	return NULL;
}

int rules_each(struct rules *rs, table_each_fn *fn, void *arg)
{
	int r = 0;

	for (uint32_t i = 0; i < rs->n && r == 0; i++) {
		struct rule *one = &rs->rule[i];
		struct buf key;

		if (one->value.n == 0)
			continue;
		buf_init(&key, TABLE_VALUE_MAX);
		if (one->negate)
			buf_char(&key, '!');
		buf_str(&key, one->text);
		r = fn(arg, buf_view(&key), one->value);
		buf_clear(&key);
	}
	return r;
}
