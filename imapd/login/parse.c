/* IMAP before authentication. See parse.h. */
#include "parse.h"

#include <string.h>

/* --- where a command ends -------------------------------------------------------------------- */

/*
 * Does the line end in a literal, "{12}" or "{12+}"? Its size into *n, which LITERAL_MAX + 1 stands
 * for whatever is more.
 */
static bool ends_in_literal(struct str line, uint64_t *n, bool *sync)
{
	ssize_t open = str_rfind(line, '{');
	struct str digits;

	if (open == -1 || line.p[line.n - 1] != '}')
		return false;
	digits = str_bytes(line.p + open + 1, line.n - (size_t)open - 2);
	*sync = digits.n == 0 || digits.p[digits.n - 1] != '+';
	if (!*sync)
		digits.n--;
	if (digits.n == 0)
		return false;
	for (size_t i = 0; i < digits.n; i++)
		if (!ascii_digit(digits.p[i]))
			return false;
	if (str_u64(digits, LITERAL_MAX, n) == -1)
		*n = LITERAL_MAX + 1;
	return true;
}

static struct str without_line_end(struct str line)
{
	if (line.n > 0 && line.p[line.n - 1] == '\n')
		line.n--;
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

enum scan_result scan_command(struct scan *s, struct str in, size_t *end)
{
	while (in.n >= s->line) {
		struct str line = str_skip(in, s->line);
		ssize_t lf = str_find(line, '\n');
		uint64_t n = 0;
		bool sync;

		if (lf == -1)
			return in.n >= COMMAND_MAX ? SCAN_LONG : SCAN_MORE;
		line.n = (size_t)lf + 1;
		*end = s->line + line.n;
		if (*end > COMMAND_MAX)
			return SCAN_LONG;
		if (!ends_in_literal(without_line_end(line), &n, &sync))
			return SCAN_WHOLE;
		if (n > LITERAL_MAX || ++s->literals > LITERALS_MAX || *end + n > COMMAND_MAX)
			return SCAN_LITERAL;
		s->line = *end + n;
		if (sync)
			return SCAN_CONTINUE;
	}
	return SCAN_MORE;
}

/* --- what it says ---------------------------------------------------------------------------- */

static bool atom_char(char c)
{
	return c > ' ' && c < 0x7f && strchr("(){%*\"\\]", c) == NULL;
}

static bool tag_char(char c)
{
	return (atom_char(c) || c == ']') && c != '+';
}

static size_t span(struct str s, bool (*fn)(char))
{
	size_t n = 0;

	while (n < s.n && fn(s.p[n]))
		n++;
	return n;
}

struct str parse_tag(struct str in)
{
	size_t n = span(in, tag_char);

	if (n == 0 || n > IMAP_TAG_MAX || n == in.n || in.p[n] != ' ')
		return STR_NONE;
	return str_take(in, n);
}

int parse_command(struct str whole, struct command *c)
{
	size_t n;

	c->used = 0;
	c->verb = STR_NONE;
	c->rest = without_line_end(whole);
	c->tag = parse_tag(c->rest);
	if (c->tag.n == 0)
		return -1;
	c->rest = str_skip(c->rest, c->tag.n + 1);
	n = span(c->rest, atom_char);
	if (n == 0)
		return -1;
	c->verb = str_take(c->rest, n);
	c->rest = str_skip(c->rest, n);
	return 0;
}

int parse_end(struct command *c)
{
	return c->rest.n == 0 ? 0 : -1;
}

int parse_blank(struct command *c)
{
	if (!str_starts(c->rest, STR(" ")))
		return -1;
	c->rest = str_skip(c->rest, 1);
	return 0;
}

int parse_atom(struct command *c, struct str *out)
{
	size_t n = span(c->rest, atom_char);

	if (n == 0)
		return -1;
	*out = str_take(c->rest, n);
	c->rest = str_skip(c->rest, n);
	return 0;
}

static int parse_quoted(struct command *c, struct str *out)
{
	size_t start = c->used, i;
	struct str s = c->rest;

	for (i = 1; i < s.n && s.p[i] != '"'; i++) {
		if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0')
			break;
		if (s.p[i] == '\\' && (++i == s.n || (s.p[i] != '"' && s.p[i] != '\\')))
			break;
		c->space[c->used++] = s.p[i]; /* never more than the command is long */
	}
	if (i >= s.n || s.p[i] != '"') {
		explicit_bzero(
		    c->space + start, c->used - start); /* it may be a password all the same */
		c->used = start;
		return -1;
	}
	*out = str_bytes(c->space + start, c->used - start);
	c->rest = str_skip(s, i + 1);
	return 0;
}

static int parse_literal(struct command *c, struct str *out)
{
	ssize_t lf = str_find(c->rest, '\n');
	uint64_t n;
	bool sync;

	if (lf == -1 ||
	    !ends_in_literal(without_line_end(str_take(c->rest, (size_t)lf + 1)), &n, &sync) ||
	    n > c->rest.n - (size_t)lf - 1 || str_find(str_take(c->rest, (size_t)lf), '{') != 0)
		return -1;
	*out = str_take(str_skip(c->rest, (size_t)lf + 1), (size_t)n);
	c->rest = str_skip(c->rest, (size_t)lf + 1 + (size_t)n);
	return 0;
}

static int parse_string(struct command *c, struct str *out)
{
	if (str_starts(c->rest, STR("\"")))
		return parse_quoted(c, out);
	if (str_starts(c->rest, STR("{")))
		return parse_literal(c, out);
	return -1;
}

static bool astring_char(char c)
{
	return atom_char(c) || c == ']';
}

int parse_astring(struct command *c, struct str *out)
{
	size_t n = span(c->rest, astring_char);

	if (n == 0)
		return parse_string(c, out);
	*out = str_take(c->rest, n);
	c->rest = str_skip(c->rest, n);
	return 0;
}

static int parse_nil(struct command *c)
{
	if (!str_casestarts(c->rest, STR("NIL")))
		return -1;
	c->rest = str_skip(c->rest, 3);
	return 0;
}

int parse_id(struct command *c)
{
	struct str key, value;

	if (parse_nil(c) == 0)
		return 0;
	if (!str_starts(c->rest, STR("(")))
		return -1;
	c->rest = str_skip(c->rest, 1);
	for (unsigned pairs = 0; !str_starts(c->rest, STR(")")); pairs++) {
		if (pairs == ID_PAIRS_MAX || (pairs > 0 && parse_blank(c) == -1) ||
		    parse_string(c, &key) == -1 || parse_blank(c) == -1 ||
		    (parse_nil(c) == -1 && parse_string(c, &value) == -1))
			return -1;
	}
	c->rest = str_skip(c->rest, 1);
	return 0;
}
