/* Patterns of PCRE2. See regex.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "table/regex.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "table/impl.h"

enum {
	MATCH_LIMIT = 50 * 1000, /* steps; PCRE2's own limit is 10 million */
	DEPTH_LIMIT = 500,
	HEAP_LIMIT_KIB = 1024,
	PATTERN_MAX = 16 * 1024, /* bytes */
};

struct regex {
	pcre2_code *code;
	uint32_t groups;
};

/* What all patterns share, made with the first. */
static struct engine {
	pcre2_compile_context *compile;
	pcre2_match_context *match;
	pcre2_match_data *data;
} engine;

static void engine_start(void)
{
	if (engine.data != NULL)
		return;
	engine.compile = pcre2_compile_context_create(NULL);
	engine.match = pcre2_match_context_create(NULL);
	engine.data = pcre2_match_data_create(REGEX_GROUPS_MAX, NULL);
	if (engine.compile == NULL || engine.match == NULL || engine.data == NULL)
		abort();
	pcre2_set_match_limit(engine.match, MATCH_LIMIT);
	pcre2_set_depth_limit(engine.match, DEPTH_LIMIT);
	pcre2_set_heap_limit(engine.match, HEAP_LIMIT_KIB);
}

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

static pcre2_code *compile_bytes(const PCRE2_UCHAR *p, size_t n, uint32_t options, char *why)
{
	PCRE2_UCHAR text[160];
	PCRE2_SIZE at;
	pcre2_code *code;
	int error;

	code = pcre2_compile(p, n,
	    options | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &at,
	    engine.compile);
	if (code == NULL) {
		pcre2_get_error_message(error, text, sizeof text);
		table_why(why, "%s (at character %zu of the pattern)", (const char *)text, at);
	}
	return code;
}

static pcre2_code *compile_posix(struct str p, uint32_t options, char *why)
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
	code = compile_bytes(converted, n, options & ~(uint32_t)POSIX_EXTENDED, why);
	pcre2_converted_pattern_free(converted);
	return code;
}

struct regex *regex_new(struct str *rest, bool posix, char why[TABLE_WHY])
{
	uint32_t options = PCRE2_CASELESS | PCRE2_DOTALL;
	struct regex *r;
	struct str text = STR_NONE;

	engine_start();
	if (posix)
		options |= POSIX_EXTENDED | PCRE2_DOLLAR_ENDONLY;
	if (cut_pattern(rest, &text, why) == -1 ||
	    read_flags(posix ? posix_flags : pcre_flags, rest, &options, why) == -1)
		return NULL;
	r = xcalloc(1, sizeof *r);
	r->code = posix ? compile_posix(text, options, why)
			: compile_bytes((PCRE2_SPTR)text.p, text.n, options, why);
	if (r->code != NULL)
		pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &r->groups);
	if (r->code != NULL && r->groups < REGEX_GROUPS_MAX)
		return r;
	if (r->code != NULL)
		table_why(why, "more than %d groups", REGEX_GROUPS_MAX - 1);
	regex_free(r);
	return NULL;
}

void regex_free(struct regex *r)
{
	if (r == NULL)
		return;
	pcre2_code_free(r->code);
	free(r);
}

uint32_t regex_groups(const struct regex *r)
{
	return r->groups;
}

int regex_match(const struct regex *r, struct str subject, char why[TABLE_WHY])
{
	PCRE2_UCHAR text[120];
	int n =
	    pcre2_match(r->code, (PCRE2_SPTR)subject.p, subject.n, 0, 0, engine.data, engine.match);

	if (n >= 0)
		return 1;
	if (n == PCRE2_ERROR_NOMATCH)
		return 0;
	pcre2_get_error_message(n, text, sizeof text);
	return table_why(why, "%s", (const char *)text);
}

struct str regex_group(struct str subject, unsigned group)
{
	const PCRE2_SIZE *v = pcre2_get_ovector_pointer(engine.data);

	if (group >= REGEX_GROUPS_MAX || v[2 * group] == PCRE2_UNSET ||
	    v[2 * group] > v[2 * group + 1] || v[2 * group + 1] > subject.n)
		return STR_NONE;
	return str_bytes(subject.p + v[2 * group], v[2 * group + 1] - v[2 * group]);
}
