/*
 * The right-hand side of aliases(5), virtual(5) and the lines of an :include: file, cut into
 * targets. Separated by commas, line ends, and white space outside quotes; (comments) do not count,
 * and of "Name <address>" only the address does.
 */
#ifndef LOOKUP_TARGETS_H
#define LOOKUP_TARGETS_H

#include "base/arena.h"
#include "base/str.h"

enum target_kind {
	TARGET_ADDRESS, /* local@domain in canonical form */
	TARGET_DOMAIN, /* @domain: the same user there */
	TARGET_NAME, /* a name without a domain */
	TARGET_MAILBOX, /* \name: the mailbox itself, no more aliases */
	TARGET_COMMAND, /* |command */
	TARGET_FILE, /* /file */
	TARGET_INCLUDE, /* :include:file */
	TARGET_BAD, /* nothing that mail can go to */
};

struct target {
	enum target_kind kind;
	struct str text; /* without the marks that make its kind */
};

struct targets {
	struct str rest;
	struct str item; /* what is left of the part between two commas */
	bool comments; /* # at the start of a line begins a comment (:include: files) */
};

struct targets targets_of(struct str text, bool comments);
/* The next one, its text in a. False at the end. */
bool targets_next(struct targets *t, struct arena *a, struct target *out);

#endif
