/* Reading commands. See parse.h. */
#include "parse.h"

#include <string.h>

#include "date.h"
#include "mutf7.h"
#include "store/store.h"

enum { KEYWORDS_IN_COMMAND = 256 };

bool parse_fail(struct parse *p, const char *error)
{
	if (p->error == NULL)
		p->error = error;
	return false;
}

bool parse_at(const struct parse *p, char c)
{
	return p->p < p->end && *p->p == c;
}

bool parse_skip(struct parse *p, char c)
{
	if (!parse_at(p, c))
		return false;
	p->p++;
	return true;
}

bool parse_char(struct parse *p, char c)
{
	if (parse_skip(p, c))
		return true;
	return parse_fail(p, c == ')' ? "missing )" : "unexpected character");
}

bool parse_sp(struct parse *p)
{
	return parse_skip(p, ' ') || parse_fail(p, "missing argument");
}

bool parse_end(struct parse *p)
{
	return p->p == p->end || parse_fail(p, "too many arguments");
}

/* --- atoms ----------------------------------------------------------------------------------- */

static bool atom_char(char c)
{
	return c > ' ' && c < 0x7f && memchr("(){%*\"\\]", c, 8) == NULL;
}

static bool astring_char(char c)
{
	return atom_char(c) || c == ']' || (unsigned char)c >= 0x80;
}

static bool list_char(char c)
{
	return astring_char(c) || c == '%' || c == '*';
}

static bool name_char(char c)
{
	return atom_char(c) && c != '[' && c != '<';
}

static bool tag_char(char c)
{
	return astring_char(c) && c != '+' && (unsigned char)c < 0x80;
}

static bool take(struct parse *p, bool (*fits)(char), struct str *out, const char *error)
{
	const char *start = p->p;

	while (p->p < p->end && fits(*p->p))
		p->p++;
	*out = (struct str){ start, (size_t)(p->p - start) };
	return out->n > 0 || parse_fail(p, error);
}

bool parse_atom(struct parse *p, struct str *out)
{
	return take(p, atom_char, out, "missing atom");
}

bool parse_name(struct parse *p, struct str *out)
{
	return take(p, name_char, out, "missing name");
}

bool parse_tag(struct parse *p, struct str *out)
{
	return take(p, tag_char, out, "missing tag");
}

/* --- strings --------------------------------------------------------------------------------- */

static bool take_quoted(struct parse *p, struct str *out)
{
	const char *start = ++p->p;
	bool escaped = false;
	char *to;
	size_t n = 0;

	while (p->p < p->end && *p->p != '"') {
		if (*p->p == '\0')
			return parse_fail(p, "NUL in a string");
		if (*p->p == '\\') {
			escaped = true;
			if (++p->p == p->end)
				break;
			if (*p->p != '"' && *p->p != '\\')
				return parse_fail(p, "only \" and \\ stand behind a \\");
		}
		p->p++;
	}
	if (p->p >= p->end)
		return parse_fail(p, "missing \"");
	*out = (struct str){ start, (size_t)(p->p++ - start) };
	if (!escaped)
		return true;
	to = arena_alloc(p->arena, out->n);
	for (size_t i = 0; i < out->n; i++) {
		if (out->p[i] == '\\')
			i++;
		to[n++] = out->p[i];
	}
	*out = (struct str){ to, n };
	return true;
}

bool parse_literal_head(struct parse *p, uint64_t *n, bool *sync)
{
	struct str digits = { p->p + 1, 0 };

	if (!parse_char(p, '{'))
		return false;
	while (p->p < p->end && ascii_digit(*p->p))
		p->p++;
	digits.n = (size_t)(p->p - digits.p);
	*sync = !parse_skip(p, '+');
	if (str_u64(digits, UINT64_MAX, n) == -1 && digits.n > 0)
		*n = UINT64_MAX;
	if (digits.n == 0 || !parse_skip(p, '}') || p->p != p->end)
		return parse_fail(p, "bad literal");
	return true;
}

static bool take_literal(struct parse *p, struct str *out)
{
	uint64_t n;
	bool sync;

	if (!parse_literal_head(p, &n, &sync) || p->literal == NULL || !p->literal(p, n, sync))
		return parse_fail(p, "bad literal");
	*out = (struct str){ p->p, (size_t)n };
	p->p += n;
	if (memchr(out->p, '\0', out->n) != NULL)
		return parse_fail(p, "NUL in a string");
	return true;
}

bool parse_string(struct parse *p, struct str *out)
{
	if (parse_at(p, '"'))
		return take_quoted(p, out);
	if (parse_at(p, '{'))
		return take_literal(p, out);
	return parse_fail(p, "missing string");
}

bool parse_astring(struct parse *p, struct str *out)
{
	if (parse_at(p, '"') || parse_at(p, '{'))
		return parse_string(p, out);
	return take(p, astring_char, out, "missing string");
}

bool parse_nstring(struct parse *p, struct str *out)
{
	if (parse_at(p, '"') || parse_at(p, '{'))
		return parse_string(p, out);
	if (!parse_atom(p, out) || !str_caseeq(*out, STR("NIL")))
		return parse_fail(p, "missing string");
	*out = (struct str){ NULL, 0 };
	return true;
}

bool parse_list_mailbox(struct parse *p, struct str *out)
{
	if (parse_at(p, '"') || parse_at(p, '{'))
		return parse_string(p, out);
	return take(p, list_char, out, "missing pattern");
}

bool parse_mailbox(struct parse *p, struct str *out)
{
	struct str name;

	if (!parse_astring(p, &name))
		return false;
	/* an empty name is one that no mailbox has */
	if (!mutf7_decode(p->arena, name, out))
		*out = STR_NONE;
	return true;
}

/* --- numbers --------------------------------------------------------------------------------- */

static bool take_number(struct parse *p, uint64_t max, uint64_t *out)
{
	const char *start = p->p;

	while (p->p < p->end && ascii_digit(*p->p))
		p->p++;
	if (str_u64((struct str){ start, (size_t)(p->p - start) }, max, out) == -1)
		return parse_fail(p, "bad number");
	return true;
}

bool parse_u32(struct parse *p, uint32_t *out)
{
	uint64_t v;

	if (!take_number(p, UINT32_MAX, &v))
		return false;
	*out = (uint32_t)v;
	return true;
}

bool parse_u63(struct parse *p, uint64_t *out)
{
	return take_number(p, INT64_MAX, out);
}

/* --- flags ----------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint32_t flag;
} system_flags[] = { { "\\Seen", STORE_SEEN }, { "\\Answered", STORE_ANSWERED },
	{ "\\Flagged", STORE_FLAGGED }, { "\\Deleted", STORE_DELETED }, { "\\Draft", STORE_DRAFT },
	/* a client may not change it, but should not fail over it either */
	{ "\\Recent", 0 } };

static bool take_flag(struct parse *p, struct flag_list *out)
{
	const char *start = p->p;
	bool backslash = parse_skip(p, '\\');
	struct str name;

	if (!take(p, atom_char, &name, "bad flag"))
		return false;
	if (!backslash) {
		if (name.n > STORE_KEYWORD_MAX)
			return parse_fail(p, "keyword is too long");
		if (out->nkeywords == KEYWORDS_IN_COMMAND)
			return parse_fail(p, "too many keywords");
		out->keywords[out->nkeywords++] = name;
		return true;
	}
	name = (struct str){ start, name.n + 1 };
	for (size_t i = 0; i < sizeof system_flags / sizeof *system_flags; i++) {
		if (str_caseeq(name, str_of(system_flags[i].name))) {
			out->flags |= system_flags[i].flag;
			return true;
		}
	}
	return parse_fail(p, "unknown system flag");
}

bool parse_flags(struct parse *p, struct flag_list *out)
{
	bool list = parse_skip(p, '(');

	*out = (struct flag_list){ 0 };
	out->keywords = arena_array(p->arena, KEYWORDS_IN_COMMAND, sizeof *out->keywords);
	if (list && parse_skip(p, ')'))
		return true;
	do {
		if (!take_flag(p, out))
			return false;
	} while (parse_skip(p, ' '));
	return !list || parse_char(p, ')');
}

/* --- dates ----------------------------------------------------------------------------------- */

bool parse_date(struct parse *p, int64_t *out)
{
	struct str text;

	if (!(parse_at(p, '"') ? take_quoted(p, &text) : parse_atom(p, &text)) ||
	    !date_parse(text, out))
		return parse_fail(p, "bad date");
	return true;
}

bool parse_date_time(struct parse *p, int64_t *out)
{
	struct str text;

	if (!parse_at(p, '"') || !take_quoted(p, &text) || !date_parse_time(text, out))
		return parse_fail(p, "bad date");
	return true;
}
