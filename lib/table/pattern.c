/*
 * pcre: and regexp: tables. Both are matched by PCRE2 (a POSIX pattern is converted first), because
 * only there can the work of one match be bounded; the price is that of alternatives that match the
 * first counts for $1, not the longest. The just-in-time compiler stays off: it wants memory that
 * is writable and executable.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "table/rules.h"

enum {
	MATCH_LIMIT = 50 * 1000, /* steps; PCRE2's own limit is 10 million */
	DEPTH_LIMIT = 500,
	HEAP_LIMIT_KIB = 1024,
	PATTERN_MAX = 16 * 1024, /* bytes */
	GROUPS_MAX = 100,
};

struct pattern {
	pcre2_code *code;
	uint32_t groups;
};

struct engine {
	bool posix;
	pcre2_compile_context *compile;
	pcre2_match_context *match;
	pcre2_match_data *data;
};

/* Flag letters behind the pattern: each turns its option round. */
struct flag {
	char letter;
	uint32_t option;
};
static const struct flag pcre_flags[] = { { 'i', PCRE2_CASELESS }, { 'm', PCRE2_MULTILINE },
	{ 's', PCRE2_DOTALL }, { 'x', PCRE2_EXTENDED }, { 'A', PCRE2_ANCHORED },
	{ 'E', PCRE2_DOLLAR_ENDONLY }, { 'U', PCRE2_UNGREEDY }, { 'X', 0 }, { 0, 0 } };
/* x: extended expressions, on by default; stands for itself, no option of the engine */
enum { POSIX_EXTENDED = PCRE2_EXTENDED };
static const struct flag posix_flags[] = { { 'i', PCRE2_CASELESS },
	{ 'm', PCRE2_MULTILINE | PCRE2_DOTALL }, { 'x', POSIX_EXTENDED }, { 0, 0 } };

static int read_flags(const struct flag *known, struct str *rest, uint32_t *options, char *why)
{
	while (rest->n > 0 && rest->p[0] != ' ' && rest->p[0] != '\t') {
		const struct flag *f = known;

		while (f->letter != 0 && f->letter != rest->p[0])
			f++;
		if (f->letter == 0)
			return table_why(why, "unknown flag \"%c\" behind the pattern",
			    rest->p[0] > ' ' && rest->p[0] < 127 ? rest->p[0] : '?');
		*options ^= f->option;
		*rest = str_skip(*rest, 1);
	}
	return 0;
}

/* /pattern/ with any delimiter; a backslash protects the delimiter and stays. */
static int cut_pattern(struct str *rest, struct str *pattern, char *why)
{
	char delimiter;
	size_t i;

	if (rest->n < 2 || ascii_alpha(rest->p[0]) || ascii_digit(rest->p[0]) || rest->p[0] == '\\')
		return table_why(why, "wants /pattern/flags and a value");
	delimiter = rest->p[0];
	for (i = 1; i < rest->n && rest->p[i] != delimiter; i++) {
		if (rest->p[i] == '\\')
			i++;
	}
	if (i >= rest->n)
		return table_why(why, "the pattern has no closing \"%c\"", delimiter);
	if (i > PATTERN_MAX)
		return table_why(why, "the pattern is longer than %d bytes", PATTERN_MAX);
	*pattern = str_take(str_skip(*rest, 1), i - 1);
	*rest = str_skip(*rest, i + 1);
	return 0;
}

static pcre2_code *compile_bytes(
    struct engine *e, const PCRE2_UCHAR *p, size_t n, uint32_t options, char *why)
{
	PCRE2_UCHAR text[160];
	PCRE2_SIZE at;
	pcre2_code *code;
	int error;

	code = pcre2_compile(p, n,
	    options | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &at,
	    e->compile);
	if (code == NULL) {
		pcre2_get_error_message(error, text, sizeof text);
		table_why(why, "%s (at character %zu of the pattern)", (const char *)text, at);
	}
	return code;
}

static pcre2_code *compile_posix(struct engine *e, struct str p, uint32_t options, char *why)
{
	PCRE2_UCHAR *converted = NULL, text[160];
	PCRE2_SIZE n = 0;
	pcre2_code *code;
	int r;

	r = pcre2_pattern_convert((PCRE2_SPTR)p.p, p.n,
	    (options & POSIX_EXTENDED) != 0 ? PCRE2_CONVERT_POSIX_EXTENDED
					    : PCRE2_CONVERT_POSIX_BASIC,
	    &converted, &n, NULL);
	if (r != 0) {
		pcre2_get_error_message(r, text, sizeof text);
		table_why(why, "%s", (const char *)text);
		return NULL;
	}
	code = compile_bytes(e, converted, n, options & ~(uint32_t)POSIX_EXTENDED, why);
	pcre2_converted_pattern_free(converted);
	return code;
}

static int compile(struct rules *rs, struct rule *r, struct str *rest, char *why)
{
	struct engine *e = rs->extra;
	struct pattern *p = arena_alloc(&rs->arena, sizeof *p);
	uint32_t options = PCRE2_CASELESS | PCRE2_DOTALL;
	struct str text;

	if (e->posix)
		options |= POSIX_EXTENDED | PCRE2_DOLLAR_ENDONLY;
	if (cut_pattern(rest, &text, why) == -1 ||
	    read_flags(e->posix ? posix_flags : pcre_flags, rest, &options, why) == -1)
		return -1;
	p->code = e->posix ? compile_posix(e, text, options, why)
			   : compile_bytes(e, (PCRE2_SPTR)text.p, text.n, options, why);
	if (p->code == NULL)
		return -1;
	r->match = p;
	pcre2_pattern_info(p->code, PCRE2_INFO_CAPTURECOUNT, &p->groups);
	return p->groups < GROUPS_MAX ? 0 : table_why(why, "more than %d groups", GROUPS_MAX - 1);
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
	*group = str_u64(*text, GROUPS_MAX, &number) == -1 ? -2 : (int)number;
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
	const struct pattern *p = r->match;
	struct str rest = r->value, text;
	int group;

	(void)rs;
	while (next_piece(&rest, &text, &group)) {
		if (group == -2)
			return table_why(why, "a $ in the value is neither $number nor $$");
		if (group >= 0 && r->negate)
			return table_why(why, "a pattern with ! has no $%d", group);
		if (group == 0 || group > (int)p->groups)
			return table_why(why, "the pattern has no group $%d", group);
	}
	return 0;
}

static int match(struct rules *rs, const struct rule *r, const void *subject, char *why)
{
	const struct pattern *p = r->match;
	struct engine *e = rs->extra;
	const struct str *s = subject;
	PCRE2_UCHAR text[120];
	int n = pcre2_match(p->code, (PCRE2_SPTR)s->p, s->n, 0, 0, e->data, e->match);

	if (n >= 0)
		return 1;
	if (n == PCRE2_ERROR_NOMATCH)
		return 0;
	pcre2_get_error_message(n, text, sizeof text);
	return table_why(why, "%s", (const char *)text);
}

static const struct rules_hooks hooks = { .compile = compile, .check = check, .match = match };

static void unload(void *content)
{
	struct rules *rs = content;
	struct engine *e = rs->extra;

	for (uint32_t i = 0; i < rs->n; i++) {
		if (rs->rule[i].match != NULL)
			pcre2_code_free(((struct pattern *)rs->rule[i].match)->code);
	}
	pcre2_match_data_free(e->data);
	pcre2_match_context_free(e->match);
	pcre2_compile_context_free(e->compile);
	free(e);
	rules_clear(rs);
	free(rs);
}

static void *load_rules(struct table *t, struct str text, bool posix, char *why)
{
	struct rules *rs = xcalloc(1, sizeof *rs);
	struct engine *e = xcalloc(1, sizeof *e);

	arena_init(&rs->arena);
	rs->extra = e;
	e->posix = posix;
	e->compile = pcre2_compile_context_create(NULL);
	e->match = pcre2_match_context_create(NULL);
	e->data = pcre2_match_data_create(GROUPS_MAX, NULL);
	if (e->compile == NULL || e->match == NULL || e->data == NULL)
		abort();
	pcre2_set_match_limit(e->match, MATCH_LIMIT);
	pcre2_set_depth_limit(e->match, DEPTH_LIMIT);
	pcre2_set_heap_limit(e->match, HEAP_LIMIT_KIB);
	if (rules_load(rs, &hooks, t->path, text, why) == 0)
		return rs;
	unload(rs);
	return NULL;
}

static void *pcre_load(struct table *t, struct str text, int fd, char *why)
{
	(void)fd;
	return load_rules(t, text, false, why);
}

static void *regexp_load(struct table *t, struct str text, int fd, char *why)
{
	(void)fd;
	return load_rules(t, text, true, why);
}

/* The value with its groups filled in from the match that has just been made. */
static int substitute(const struct engine *e, struct str value, struct str subject, struct buf *b)
{
	const PCRE2_SIZE *v = pcre2_get_ovector_pointer(e->data);
	struct str text;
	int group;

	while (next_piece(&value, &text, &group)) {
		if (group < 0)
			buf_str(b, text);
		else if (v[2 * group] != PCRE2_UNSET && v[2 * group] <= v[2 * group + 1] &&
			 v[2 * group + 1] <= subject.n)
			buf_put(b, subject.p + v[2 * group], v[2 * group + 1] - v[2 * group]);
	}
	return b->full ? -1 : 0;
}

static enum table_result lookup(
    struct table *t, struct str key, struct arena *a, struct table_answer *out)
{
	struct rules *rs = t->content;
	const struct rule *r, *failed;
	char why[TABLE_WHY];
	struct buf b;

	r = rules_find(rs, &hooks, &key, &failed, why);
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
	if (substitute(rs->extra, r->value, key, &b) == -1) {
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
