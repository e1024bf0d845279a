/*
 * The little of IMAP that is spoken before authentication (RFC 3501 9, LITERAL+ of RFC 7888). Pure;
 * linear in its input, not recursive.
 */
#ifndef LOGIN_PARSE_H
#define LOGIN_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "proto/auth.h"

/* What someone who is nobody yet may send. */
enum {
	COMMAND_MAX = 8192, /* bytes of a command with its literals */
	LITERAL_MAX = 4096, /* bytes of one literal; a password has PASSWORD_MAX */
	LITERALS_MAX = 4, /* in one command; LOGIN has two */
	ID_PAIRS_MAX = 30, /* RFC 2971 3.3 */
};

/* Where a command ends. */
struct scan {
	size_t line; /* where in the input the current line of the command begins */
	unsigned literals;
};

enum scan_result {
	SCAN_MORE, /* not all of it is there */
	SCAN_WHOLE, /* *end is behind its line end */
	SCAN_CONTINUE, /* the client waits for "+" before it sends a literal; then scan again */
	/* it breaks a limit; where its end is cannot be known */
	SCAN_LONG,
	SCAN_LITERAL, /* a literal is too large, or there are too many */
};
/* Looks on from where it stopped; s is zeroed before a new command. in: everything not yet used. */
enum scan_result scan_command(struct scan *s, struct str in, size_t *end);

/* A command. The strs borrow from the input, or from space. */
struct command {
	struct str tag; /* empty = it has no usable tag */
	struct str verb;
	struct str rest; /* behind the verb, with the blank before it */
	char space[COMMAND_MAX];
	size_t used;
};
/* Takes tag and verb off a whole command (with its line end). -1: no command at all, answer BAD. */
int parse_command(struct str whole, struct command *c);
/* The tag alone, of what is not a whole command; empty = none. */
struct str parse_tag(struct str in);

/* Each takes one thing off c->rest; -1 and nothing changed when something else is there. */
int parse_end(struct command *c);
int parse_blank(struct command *c);
int parse_astring(struct command *c, struct str *out); /* quoted ones are unquoted into c->space */
int parse_atom(struct command *c, struct str *out);
/* The parameter of ID: NIL or a list of string and nstring pairs, which are passed over. */
int parse_id(struct command *c);

#endif
