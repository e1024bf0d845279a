/*
 * One pattern of PCRE2, whose work is bounded: "/pattern/flags" as in pcre_table(5) and
 * regexp_table(5). POSIX patterns are converted first, because only PCRE2 can be bounded; the price is
 * that of alternatives that match the first counts for $1, not the longest. The just-in-time compiler
 * stays off: it wants memory that is writable and executable.
 */
#ifndef TABLE_REGEX_H
#define TABLE_REGEX_H

#include <stdbool.h>
#include <stdint.h>

#include "table/table.h"

enum { REGEX_GROUPS_MAX = 100 };

struct regex;

/*
 * Cuts a pattern with its flags off the front of *rest and compiles it. Yours to regex_free(); NULL
 * with a sentence in why.
 */
struct regex *regex_new(struct str *rest, bool posix, char why[TABLE_WHY]);
void regex_free(struct regex *r); /* NULL is fine */
uint32_t regex_groups(const struct regex *r);
/* 1 = matches, 0 = does not, -1 = could not be decided within the limits, with why. */
int regex_match(const struct regex *r, struct str subject, char why[TABLE_WHY]);
/* A group of the last match of any pattern, which was in that subject; empty if it took no part. */
struct str regex_group(struct str subject, unsigned group);

#endif
