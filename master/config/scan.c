/* The text of a configuration before it is parsed. See scan.h. */
#include "scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

/* One file being read. */
struct cursor {
	struct scan *s;
	const char *file;
	const char *p, *end;
	unsigned line;
	unsigned braces,
	    opened; /* open ones; the line of the last that was opened at the outside */
	char last; /* the last mark, 'w' for a word or string, 0 at the beginning */
	bool fresh; /* a new line has begun since: the next word may begin a statement */
};

void scan_init(struct scan *s, struct faults *f)
{
	*s = (struct scan){ .lines = 1, .faults = f };
	arena_init(&s->mem);
	buf_init(&s->text, SCAN_TEXT_MAX);
}

void scan_clear(struct scan *s)
{
	arena_clear(&s->mem);
	buf_clear(&s->text);
	free(s->parts);
}

static void begin_part(struct cursor *c)
{
	struct scan *s = c->s;

	s->parts = xreallocarray(s->parts, s->nparts + 1, sizeof *s->parts);
	s->parts[s->nparts++] = (struct scan_part){ s->lines, c->file, c->line };
}

void scan_place(const struct scan *s, unsigned line, const char **file, unsigned *in_file)
{
	size_t i = s->nparts;

	*file = NULL;
	*in_file = 0;
	if (line > s->lines)
		line = s->lines; /* the end */
	while (i > 0 && s->parts[i - 1].out > line)
		i--;
	if (i == 0)
		return;
	*file = s->parts[i - 1].file;
	*in_file = s->parts[i - 1].line + (line - s->parts[i - 1].out);
}

#define FAULT(c, ...) faults_add((c)->s->faults, (c)->file, (c)->line, __VA_ARGS__)

static char peek(const struct cursor *c, size_t ahead)
{
	return (size_t)(c->end - c->p) > ahead ? c->p[ahead] : '\0';
}

static void newline(struct cursor *c)
{
	c->p++;
	c->line++;
	c->s->lines++;
	buf_char(&c->s->text, '\n');
}

/* --- words ----------------------------------------------------------------------------------- */

static bool word_char(char ch)
{
	return ch != '\0' && strchr(" #\"'\t\n\r={}()+,/*", ch) == NULL &&
	       ((unsigned char)ch >= ' ' && ch != 127);
}

/* Faults of what libconfuse would drop or take for a comment in the middle of a word. */
static void word_end(struct cursor *c)
{
	char ch = peek(c, 0), after = peek(c, 1);

	if (ch == '#' || (ch == '/' && (after == '/' || after == '*')))
		FAULT(c, "write a blank before a comment, or put the value in quotes");
	else if (ch == '/' || ch == '*' || ch == '+')
		FAULT(c, "put a value with '%c' here in quotes", ch);
	else
		return;
	c->p++;
}

static struct str take_word(struct cursor *c)
{
	const char *begin = c->p;

	for (;;) {
		if (peek(c, 0) == '$' && peek(c, 1) == '{')
			FAULT(c,
			    "variables like ${...} are not supported; in single quotes it is text");
		if (word_char(peek(c, 0)))
			c->p++;
		else if (peek(c, 0) == '/' && word_char(peek(c, 1)))
			c->p += 2;
		else
			return str_bytes(begin, (size_t)(c->p - begin));
	}
}

/* --- strings --------------------------------------------------------------------------------- */

/* At a backslash in double quotes: only what stays what it looks like. */
static void check_escape(struct cursor *c)
{
	char after = peek(c, 1);

	if (after != '\0' && strchr("\\\"$", after) == NULL)
		FAULT(c, "\\%c in double quotes; write \\\\ for a backslash, or use single quotes",
		    after);
}

/* At the opening quote. Copies the string with its quotes. */
static void take_string(struct cursor *c)
{
	char quote = *c->p;
	const char *begin = c->p++;

	for (; c->p < c->end && *c->p != '\n'; c->p++) {
		if (*c->p == quote) {
			c->p++;
			buf_put(&c->s->text, begin, (size_t)(c->p - begin));
			return;
		}
		if ((unsigned char)*c->p < ' ' && *c->p != '\t')
			FAULT(c, "control character %d in a string", *c->p);
		if (quote == '"' && *c->p == '$' && peek(c, 1) == '{')
			FAULT(c,
			    "variables like ${...} are not supported; write \\${ or single quotes");
		if (*c->p != '\\' || peek(c, 1) == '\n')
			continue;
		if (quote == '"')
			check_escape(c);
		c->p++;
	}
	FAULT(c, "the string is not closed on its line");
}

/* --- comments -------------------------------------------------------------------------------- */

static void skip_line(struct cursor *c)
{
	while (c->p < c->end && *c->p != '\n')
		c->p++;
}

static void skip_block(struct cursor *c)
{
	unsigned line = c->line;

	for (c->p += 2; c->p < c->end;) {
		if (*c->p == '*' && peek(c, 1) == '/') {
			c->p += 2;
			buf_char(&c->s->text, ' ');
			return;
		}
		if (*c->p == '\n')
			newline(c);
		else
			c->p++;
	}
	faults_add(c->s->faults, c->file, line, "the comment that begins here is not closed");
}

/* --- include --------------------------------------------------------------------------------- */

static void skip_blanks(struct cursor *c)
{
	while (peek(c, 0) == ' ' || peek(c, 0) == '\t')
		c->p++;
}

/* The quoted name behind "include", with or without parentheses; as an absolute or relative path.
 */
static const char *include_path(struct cursor *c)
{
	struct str dir = str_of(c->file), name;
	const char *begin;
	bool paren;
	char quote;

	skip_blanks(c);
	paren = peek(c, 0) == '(';
	c->p += paren ? 1 : 0;
	skip_blanks(c);
	quote = peek(c, 0);
	if (quote != '"' && quote != '\'')
		return NULL;
	begin = ++c->p;
	while (c->p < c->end && *c->p != quote && *c->p != '\n' && *c->p != '\\')
		c->p++;
	if (peek(c, 0) != quote || c->p == begin)
		return NULL;
	name = str_bytes(begin, (size_t)(c->p++ - begin));
	skip_blanks(c);
	if (paren && peek(c, 0) != ')')
		return NULL;
	c->p += paren ? 1 : 0;
	if (memchr(name.p, '\0', name.n) != NULL)
		return NULL;
	if (name.p[0] == '/')
		return arena_z(&c->s->mem, name);
	dir = str_take(dir, (size_t)(str_rfind(dir, '/') + 1));
	return arena_printf(&c->s->mem, "%.*s%.*s", STR_ARG(dir), STR_ARG(name)).p;
}

static void read_into(struct scan *s, const char *path, const char *by, unsigned line);

static void do_include(struct cursor *c)
{
	const char *path = include_path(c);

	if (path == NULL) {
		FAULT(c, "write include \"FILE\"");
		skip_line(c);
		return;
	}
	buf_char(&c->s->text, '\n');
	c->s->lines++;
	read_into(c->s, path, c->file, c->line);
	buf_char(&c->s->text, '\n');
	c->s->lines++;
	begin_part(c);
}

/* --- the whole ------------------------------------------------------------------------------- */

static void do_word(struct cursor *c)
{
	struct str word = take_word(c);

	if (c->fresh && c->last != '=' && c->braces == 0 && str_eq(word, STR("include"))) {
		do_include(c);
		return;
	}
	buf_str(&c->s->text, word);
	word_end(c);
	c->fresh = false;
	c->last = 'w';
}

static void do_mark(struct cursor *c)
{
	if (*c->p == '{' && c->braces++ == 0)
		c->opened = c->line;
	else if (*c->p == '}' && c->braces > 0)
		c->braces--;
	c->fresh = false;
	c->last = *c->p;
	buf_char(&c->s->text, *c->p++);
}

/* At one character outside of strings, words and comments. */
static void do_char(struct cursor *c)
{
	char ch = *c->p, after = peek(c, 1);

	if (ch == '\n') {
		newline(c);
		c->fresh = true;
	} else if (ch == ' ' || ch == '\t') {
		buf_char(&c->s->text, ' ');
		c->p++;
	} else if (ch == '\r' && after == '\n') {
		c->p++;
	} else if (ch == '#' || (ch == '/' && after == '/')) {
		skip_line(c);
	} else if (ch == '/' && after == '*') {
		skip_block(c);
	} else if (ch == '"' || ch == '\'') {
		take_string(c);
		c->fresh = false;
		c->last = 'w';
	} else if (strchr("{}=,()", ch) != NULL && ch != '\0') {
		do_mark(c);
	} else if (word_char(ch) || (ch == '/' && word_char(after))) {
		do_word(c);
	} else {
		if ((unsigned char)ch < ' ' || ch == 127)
			FAULT(c, "control character %d", (unsigned char)ch);
		else
			FAULT(c, "put a value with '%c' here in quotes", ch);
		c->p++;
	}
}

void scan_text(struct scan *s, const char *name, struct str text)
{
	struct cursor c = {
		.s = s,
		.file = arena_z(&s->mem, str_of(name)),
		.p = text.p,
		.end = text.p + text.n,
		.line = 1,
		.fresh = true,
	};

	begin_part(&c);
	while (c.p < c.end && !s->text.full && s->faults->n <= FAULTS_MAX)
		do_char(&c);
	if (s->text.full)
		FAULT(&c, "the configuration is larger than %d bytes", SCAN_TEXT_MAX);
	else if (c.braces > 0)
		faults_add(s->faults, c.file, c.opened, "the '{' here is not closed");
}

/* What root starts by this file can do anything: nobody else may have a say in it. */
static bool trusted(const struct stat *st)
{
	return geteuid() != 0 || (st->st_uid == 0 && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0);
}

/* The content of a regular file on the heap, or NULL with errno; EPERM: it is not to be trusted. */
static char *slurp(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *p = NULL;
	ssize_t n;

	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == -1)
		goto out;
	errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	if (!S_ISREG(st.st_mode))
		goto out;
	errno = EPERM;
	if (!trusted(&st))
		goto out;
	p = xmalloc(SCAN_TEXT_MAX + 1);
	*size = 0;
	while ((n = read(fd, p + *size, SCAN_TEXT_MAX + 1 - *size)) > 0)
		*size += (size_t)n;
	if (n == -1) {
		free(p);
		p = NULL;
	}
out:
	close(fd);
	return p;
}

/* by, line: the statement that includes it; NULL for the first file. */
static void read_into(struct scan *s, const char *path, const char *by, unsigned line)
{
	size_t size;
	char *text;

	if (s->depth == SCAN_INCLUDES_MAX || s->files == SCAN_FILES_MAX) {
		faults_add(s->faults, by, line, "%s: too many files include each other", path);
		return;
	}
	text = slurp(path, &size);
	if (text == NULL) {
		faults_add(s->faults, by, line, "%s: %s", path,
		    errno == EPERM ? "others than root may write to it" : strerror(errno));
		return;
	}
	s->depth++;
	s->files++;
	if (size > SCAN_TEXT_MAX)
		faults_add(s->faults, path, 0, "larger than %d bytes", SCAN_TEXT_MAX);
	else
		scan_text(s, path, str_bytes(text, size));
	s->depth--;
	free(text);
}

void scan_file(struct scan *s, const char *path)
{
	read_into(s, path, NULL, 0);
}
