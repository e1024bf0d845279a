/* Patterns of LIST and LSUB (RFC 3501 6.3.8): '*' is anything, '%' anything but the separator. */
#ifndef SESSION_PATTERN_H
#define SESSION_PATTERN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* reference and pattern joined, runs of wildcards made one; in the arena. */
struct str pattern_make(struct arena *a, struct str reference, struct str pattern);
/* A first level INBOX is matched in any case. Time is bounded by length times length. */
bool pattern_match(struct str pattern, struct str name);

#endif
