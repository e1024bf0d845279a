/* pcre: and regexp: tables: rules whose patterns are those of regex.h. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "table/regex.h"
#include "table/rules.h"

static int compile(struct rule *r, struct str *rest, bool posix, char *why)
{
	r->match = regex_new(rest, posix, why);
	return r->match != NULL ? 0 : -1;
}

static int pcre_compile(struct rules *rs, struct rule *r, struct str *rest, char *why)
{
	(void)rs;
	return compile(r, rest, false, why);
}

static int regexp_compile(struct rules *rs, struct rule *r, struct str *rest, char *why)
{
	(void)rs;
	return compile(r, rest, true, why);
}

/*
 * The next piece of a value: text up to the next $, or a group ($1, ${1}, $(1); $$ is a text "$").
 * False at the end; *group is -1 for text, -2 for a $ that means nothing.
 */
static bool next_piece(struct str *rest, struct str *text, int *group)
{
	ssize_t dollar = str_find(*rest, '$');
	uint64_t number;
	size_t n = 1;
	char closing;

	if (rest->n == 0)
		return false;
	*group = -1;
	if (dollar != 0) {
		*text = dollar == -1 ? *rest : str_take(*rest, (size_t)dollar);
		*rest = str_skip(*rest, text->n);
		return true;
	}
	if (rest->n > 1 && rest->p[1] == '$') {
		*text = str_take(*rest, 1);
		*rest = str_skip(*rest, 2);
		return true;
	}
	closing = rest->n < 2 ? 0 : rest->p[1] == '{' ? '}' : rest->p[1] == '(' ? ')' : 0;
	if (closing != 0)
		n = 2;
	*text = str_skip(*rest, n);
	while (n < rest->n && ascii_digit(rest->p[n]))
		n++;
	*text = str_take(*text, n - (closing != 0 ? 2 : 1));
	*group = str_u64(*text, REGEX_GROUPS_MAX, &number) == -1 ? -2 : (int)number;
	if (closing != 0) {
		if (n >= rest->n || rest->p[n] != closing)
			*group = -2;
		else
			n++;
	}
	*rest = str_skip(*rest, n);
	return true;
}

static int check(struct rules *rs, struct rule *r, char *why)
{
	uint32_t groups = regex_groups(r->match);
	struct str rest = r->value, text;
	int group;

	(void)rs;
	while (next_piece(&rest, &text, &group)) {
		if (group == -2)
			return table_why(why, "a $ in the value is neither $number nor $$");
		if (group >= 0 && r->negate)
			return table_why(why, "a pattern with ! has no $%d", group);
		if (group == 0 || group > (int)groups)
			return table_why(why, "the pattern has no group $%d", group);
	}
	return 0;
}

static int match(struct rules *rs, const struct rule *r, const void *subject, char *why)
{
	(void)rs;
	return regex_match(r->match, *(const struct str *)subject, why);
}

static const struct rules_hooks pcre_hooks = { pcre_compile, check, match },
				regexp_hooks = { regexp_compile, check, match };

static void unload(void *content)
{
	struct rules *rs = content;

	for (uint32_t i = 0; i < rs->n; i++)
		regex_free(rs->rule[i].match);
	rules_clear(rs);
	free(rs);
}

static void *load_rules(
    struct table *t, struct str text, const struct rules_hooks *hooks, char *why)
{
	struct rules *rs = xcalloc(1, sizeof *rs);

	arena_init(&rs->arena);
	if (rules_load(rs, hooks, t->path, text, why) == 0)
		return rs;
	unload(rs);
	return NULL;
}

static void *pcre_load(struct table *t, struct str text, int fd, char *why)
{
	(void)fd;
	return load_rules(t, text, &pcre_hooks, why);
}

static void *regexp_load(struct table *t, struct str text, int fd, char *why)
{
	(void)fd;
	return load_rules(t, text, &regexp_hooks, why);
}

/* The value with its groups filled in from the match that has just been made. */
static int substitute(struct str value, struct str subject, struct buf *b)
{
	struct str text;
	int group;

	while (next_piece(&value, &text, &group))
		buf_str(b, group < 0 ? text : regex_group(subject, (unsigned)group));
	return b->full ? -1 : 0;
}

static enum table_result lookup(
    struct table *t, struct str key, struct arena *a, struct table_answer *out)
{
	struct rules *rs = t->content;
	const struct rule *r, *failed;
	char why[TABLE_WHY];
	struct buf b;

	r = rules_find(rs, &pcre_hooks, &key, &failed, why);
	if (failed != NULL)
		return table_fail(a, out, table_rule(t, failed->line, a), "%s", why);
	if (r == NULL)
		return TABLE_NONE;
	out->rule = table_rule(t, r->line, a);
	if ((t->flags & TABLE_NO_SUBST) != 0 || str_find(r->value, '$') == -1) {
		out->value = arena_str(a, r->value);
		return TABLE_FOUND;
	}
	buf_init(&b, TABLE_VALUE_MAX);
	if (substitute(r->value, key, &b) == -1) {
		buf_clear(&b);
		return table_fail(
		    a, out, out->rule, "the result is longer than %d bytes", TABLE_VALUE_MAX);
	}
	out->value = arena_str(a, buf_view(&b));
	buf_clear(&b);
	return TABLE_FOUND;
}

static int each(struct table *t, table_each_fn *fn, void *arg, char *why)
{
	(void)why;
	return rules_each(t->content, fn, arg);
}

const struct table_type table_pcre = { .name = "pcre",
	.source = SOURCE_TEXT,
	.pattern = true,
	.load = pcre_load,
	.unload = unload,
	.lookup = lookup,
	.each = each };
const struct table_type table_regexp = { .name = "regexp",
	.source = SOURCE_TEXT,
	.pattern = true,
	.load = regexp_load,
	.unload = unload,
	.lookup = lookup,
	.each = each };
