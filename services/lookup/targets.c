/* Targets of aliases. See targets.h. One pass, no recursion. */
#include "targets.h"

#include <string.h>

#include "mail/address.h"

enum { TARGET_MAX = 2048 /* bytes of one target */ };

struct targets targets_of(struct str text, bool comments)
{
	return (struct targets){ .rest = text, .item = STR_NONE, .comments = comments };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* How far a token goes that begins at s: quotes and <> protect what is in them. */
static size_t token_length(struct str s, bool (*ends)(char))
{
	bool quoted = false, angle = false;
	size_t i;

	for (i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '\\' && quoted && i + 1 < s.n && s.p[i + 1] != '\n')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && c == '<')
			angle = true;
		else if (!quoted && c == '>')
			angle = false;
		else if (c == '\n' || (!quoted && !angle && ends(c)))
			break;
	}
	return i > s.n ? s.n : i;
}

static bool ends_item(char c)
{
	return c == ',';
}

static bool ends_word(char c)
{
	return is_blank(c) || c == '(';
}

/* (comment (nested)) at the start of s; what does not close goes to the end. */
static size_t comment_length(struct str s)
{
	size_t i, depth = 0;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '(')
			depth++;
		else if (s.p[i] == ')' && --depth == 0)
			return i + 1;
	}
	return s.n;
}

static void skip_blanks(struct str *s)
{
	while (s->n > 0 && (is_blank(s->p[0]) || s->p[0] == '('))
		*s = str_skip(*s, s->p[0] == '(' ? comment_length(*s) : 1);
}

static bool next_item(struct targets *t)
{
	while (t->rest.n > 0) {
		struct str line = t->rest;
		size_t n;

		if (t->comments && t->rest.p[0] == '#') {
			n = str_find(line, '\n') == -1 ? line.n : (size_t)str_find(line, '\n');
			t->rest = str_skip(t->rest, n + 1);
			continue;
		}
		n = token_length(t->rest, ends_item);
		t->item = str_take(t->rest, n);
		t->rest = str_skip(t->rest, n + 1);
		skip_blanks(&t->item);
		if (t->item.n > 0)
			return true;
	}
	return false;
}

/* "quoted" all over: without the quotes. */
static bool unquote(struct str word, struct arena *a, struct str *out)
{
	char *z;
	size_t n = 0, i;

	if (word.n < 2 || word.p[0] != '"' || word.p[word.n - 1] != '"')
		return false;
	z = arena_alloc(a, word.n);
	for (i = 1; i < word.n - 1; i++) {
		if (word.p[i] == '"')
			return false;
		if (word.p[i] == '\\' && i + 1 < word.n - 1)
			i++;
		z[n++] = word.p[i];
	}
	*out = (struct str){ z, n };
	return true;
}

struct mark {
	const char *text;
	enum target_kind kind;
	bool keep; /* the mark is part of the text */
};
static const struct mark marks[] = { { "|", TARGET_COMMAND, false }, { "/", TARGET_FILE, true },
	{ ":include:", TARGET_INCLUDE, false }, { "\\", TARGET_MAILBOX, false } };

static bool marked(struct str word, struct target *out)
{
	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		struct str mark = str_of(marks[i].text);

		if (!str_casestarts(word, mark))
			continue;
		out->kind = marks[i].kind;
		out->text = marks[i].keep ? word : str_trim(str_skip(word, mark.n));
		if (out->text.n == 0)
			out->kind = TARGET_BAD;
		return true;
	}
	return false;
}

/* local@domain, @domain or a bare name into canonical form. */
static void address_target(struct str word, bool quoted, struct arena *a, struct target *out)
{
	struct address addr;
	enum address_error e;

	*out = (struct target){ TARGET_BAD, arena_str(a, str_take(word, 200)) };
	if (!quoted && word.n > 1 && word.p[0] == '@') {
		char name[DOMAIN_MAX + 1];

		if (domain_canonical(str_skip(word, 1), true, name) == 0 ||
		    literal_canonical(str_skip(word, 1), name) == 0)
			*out = (struct target){ TARGET_DOMAIN, arena_str(a, str_of(name)) };
		return;
	}
	if (quoted && str_find(word, '@') == -1)
		e = address_make(word, STR_NONE, ADDRESS_UTF8 | ADDRESS_BARE, &addr);
	else
		e = address_parse(word, ADDRESS_UTF8 | ADDRESS_BARE, &addr);
	if (e == ADDRESS_OK)
		*out = (struct target){ addr.domain.n > 0 ? TARGET_ADDRESS : TARGET_NAME,
			arena_str(a, addr.text) };
}

/* "Display Name <address>": the address. */
static bool in_angles(struct targets *t, struct str *word)
{
	size_t i = 0;
	bool quoted = false;

	for (; i < t->item.n && (quoted || t->item.p[i] != '<'); i++) {
		if (t->item.p[i] == '"')
			quoted = !quoted;
		else if (t->item.p[i] == '\\' && quoted)
			i++;
	}
	if (i >= t->item.n)
		return false;
	*word = str_skip(t->item, i + 1);
	for (i = 0, quoted = false; i < word->n && (quoted || word->p[i] != '>'); i++) {
		if (word->p[i] == '"')
			quoted = !quoted;
		else if (word->p[i] == '\\' && quoted)
			i++;
	}
	*word = str_trim(str_take(*word, i));
	t->item = STR_NONE;
	return true;
}

/* A command or an include written without quotes goes to the end of the item, blanks and all. */
static size_t word_length(struct str item)
{
	return item.p[0] == '|' ? item.n : token_length(item, ends_word);
}

bool targets_next(struct targets *t, struct arena *a, struct target *out)
{
	struct str word, plain;
	bool quoted;

	skip_blanks(&t->item);
	if (t->item.n == 0 && !next_item(t))
		return false;
	if (t->item.p[0] != '|' && in_angles(t, &word)) {
		address_target(word, false, a, out);
		return true;
	}
	word = str_take(t->item, word_length(t->item));
	t->item = str_skip(t->item, word.n);
	quoted = unquote(word, a, &plain);
	if (!quoted)
		plain = str_trim(word);
	if (plain.n == 0 || plain.n > TARGET_MAX || memchr(plain.p, '\0', plain.n) != NULL)
		*out = (struct target){ TARGET_BAD, arena_str(a, str_take(plain, 200)) };
	else if (marked(plain, out))
		out->text = arena_str(a, out->text);
	else
		address_target(plain, quoted, a, out);
	return true;
}
