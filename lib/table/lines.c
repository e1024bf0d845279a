/* The lines of Postfix-like text. See lines.h. */
#include "table/lines.h"

#include <string.h>

void lines_init(struct lines *l, struct str text)
{
	*l = (struct lines){ .rest = text, .next = 1 };
	buf_init(&l->line, LINE_MAX_BYTES);
}

void lines_clear(struct lines *l)
{
	buf_clear(&l->line);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static struct str left_trim(struct str s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = str_skip(s, 1);
	return s;
}

static struct str trim(struct str s)
{
	s = left_trim(s);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* One physical line off the text; an empty rest is the end, also after a last newline. */
static bool physical(struct lines *l, struct str *out)
{
	if (l->rest.p == NULL || l->rest.n == 0)
		return false;
	return str_cut(&l->rest, '\n', out);
}

static bool counts(struct str line)
{
	struct str s = left_trim(line);

	return s.n > 0 && s.p[0] != '#';
}

int lines_next(struct lines *l, struct str *line, const char **why)
{
	struct str one, before;

	buf_reset(&l->line);
	while (before = l->rest, physical(l, &one)) {
		if (!counts(one)) {
			l->next++;
			continue;
		}
		if (l->line.n > 0 && !is_blank(one.p[0])) {
			l->rest = before; /* the next logical line */
			break;
		}
		if (l->line.n == 0) {
			l->start = l->next;
			if (is_blank(one.p[0])) {
				*why = "begins with white space but continues no line";
				return -1;
			}
		}
		l->next++;
		if (memchr(one.p, '\0', one.n) != NULL) {
			*why = "holds a NUL";
			return -1;
		}
		while (one.n > 0 && is_blank(one.p[one.n - 1]))
			one.n--;
		if (buf_str(&l->line, one) == -1) {
			*why = "is too long";
			return -1;
		}
	}
	*line = buf_view(&l->line);
	return l->line.n > 0;
}

int lines_entry(struct str line, struct str *key, struct str *value, const char **why)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < line.n && (quoted || !is_blank(line.p[i])); i++) {
		if (line.p[i] == '"')
			quoted = !quoted;
		else if (line.p[i] == '\\' && i + 1 < line.n)
			i++;
	}
	if (i > line.n)
		i = line.n;
	*key = str_take(line, i);
	*value = trim(str_skip(line, i));
	if (quoted) {
		*why = "has an open quote";
		return -1;
	}
	if (value->n == 0) {
		*why = "wants a key, white space and a value";
		return -1;
	}
	return 0;
}

/* "a \"quoted\" name" up to the closing quote, which must be there. */
static int quoted_name(struct str line, struct buf *b, size_t *end)
{
	size_t i;

	for (i = 1; i < line.n && line.p[i] != '"'; i++) {
		if (line.p[i] == '\\' && i + 1 < line.n)
			i++;
		buf_char(b, line.p[i]);
	}
	*end = i + 1;
	return i < line.n ? 0 : -1;
}

int lines_alias(
    struct str line, struct buf *b, struct str *name, struct str *value, const char **why)
{
	ssize_t colon;
	size_t end;

	buf_reset(b);
	*why = "wants name: value";
	if (line.n > 0 && line.p[0] == '"') {
		if (quoted_name(line, b, &end) == -1) {
			*why = "has an open quote";
			return -1;
		}
		line = left_trim(str_skip(line, end));
		if (line.n == 0 || line.p[0] != ':')
			return -1;
		colon = 0;
	} else {
		colon = str_find(line, ':');
		if (colon <= 0)
			return -1;
		buf_str(b, trim(str_take(line, (size_t)colon)));
	}
	*name = buf_view(b);
	*value = trim(str_skip(line, (size_t)colon + 1));
	return name->n == 0 || value->n == 0 ? -1 : 0;
}
