/*
 * Reading commands: a cursor over one command line (without its CRLF). A literal that the line ends
 * with is fetched when the parser comes to it, by a callback that appends the bytes of the literal
 * and the line that follows. Every function returns false when the text does not fit; then
 * p->error says what was expected, and the command is BAD.
 */
#ifndef SESSION_PARSE_H
#define SESSION_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct parse {
	const char *p, *end;
	/*
	 * Appends n bytes and the next line behind end, moves end; the text before stays where it
	 * is. false: cannot be had (p->error is set), the command is over.
	 */
	bool (*literal)(struct parse *p, uint64_t n, bool sync);
	void *arg;
	struct arena *arena; /* for what is not in the text as it stands */
	const char *error;
};

/* Remembers the first reason and returns false. */
bool parse_fail(struct parse *p, const char *error);

bool parse_end(struct parse *p); /* nothing may be left */
bool parse_sp(struct parse *p); /* one blank */
bool parse_char(struct parse *p, char c);
/* Skips c if it is there and says whether it was; no failure. */
bool parse_skip(struct parse *p, char c);
bool parse_at(const struct parse *p, char c);

/* Borrowed from the command's text, or in the arena. RFC 3501 section 9. */
bool parse_atom(struct parse *p, struct str *out);
bool parse_string(struct parse *p, struct str *out); /* quoted or literal */
bool parse_astring(struct parse *p, struct str *out); /* may hold 8-bit characters */
bool parse_nstring(struct parse *p, struct str *out); /* out->p NULL for NIL */
bool parse_list_mailbox(struct parse *p, struct str *out);
/* An atom that ends before '[' and '<' too, as the names of FETCH items do. */
bool parse_name(struct parse *p, struct str *out);
bool parse_tag(struct parse *p, struct str *out);

bool parse_u32(struct parse *p, uint32_t *out); /* 0 .. 2^32-1 */
bool parse_u63(struct parse *p, uint64_t *out); /* mod-sequence, RFC 7162: 0 .. 2^63-1 */

/* A literal announced as {n}, {n+} (or ~{n}): only its head, for a reader that streams it. */
bool parse_literal_head(struct parse *p, uint64_t *n, bool *sync);

/* flag-list without, or with, its brackets: system flags as a mask, keywords as names. */
struct flag_list {
	uint32_t flags; /* STORE_SEEN ... */
	struct str *keywords;
	size_t nkeywords;
};
bool parse_flags(struct parse *p, struct flag_list *out);

/* Seconds since 1970. date: "1-Feb-1994", quoted or not; out = 0:00 of that day, without a zone. */
bool parse_date(struct parse *p, int64_t *out);
/* " 1-Feb-1994 12:34:56 +0100", quoted. */
bool parse_date_time(struct parse *p, int64_t *out);

/* A mailbox name as UTF-8 (an arena copy): modified UTF-7 decoded; what is not that stays. */
bool parse_mailbox(struct parse *p, struct str *out);

#endif
