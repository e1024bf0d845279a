/*
 * The lines of Postfix-like text: a logical line begins in the first column and goes on over lines
 * that begin with white space; empty lines and lines whose first character is # do not count, not
 * even in the midst of a logical line.
 */
#ifndef TABLE_LINES_H
#define TABLE_LINES_H

#include "base/buf.h"
#include "base/str.h"

enum { LINE_MAX_BYTES = 1024 * 1024 }; /* of one logical line */

struct lines {
	struct str rest;
	unsigned next; /* number of the next physical line */
	struct buf line;
	unsigned start; /* where the logical line began */
};

void lines_init(struct lines *l, struct str text); /* borrows text */
void lines_clear(struct lines *l);

/*
 * 1 and the next logical line (without its line end; valid until the next call), 0 at the end, -1
 * with *why when a line is longer than LINE_MAX_BYTES, holds a NUL, or begins with white space
 * where there is nothing to continue. l->start is its number.
 */
int lines_next(struct lines *l, struct str *line, const char **why);

/*
 * Cuts "key value" at the first white space outside double quotes (which stay). -1 with *why when
 * there is no value, or a quote is open.
 */
int lines_entry(struct str line, struct str *key, struct str *value, const char **why);

/*
 * Cuts "name: value" of aliases(5); the quotes of a quoted name are taken off, into b. -1 with
 * *why.
 */
int lines_alias(
    struct str line, struct buf *b, struct str *name, struct str *value, const char **why);

#endif
