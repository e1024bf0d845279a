/*
 * What the header says that a message's lane may be decided by (lane_headers): the values of some fields,
 * the first of each name, made small and plain: "precedence:bulk list-id:<a.example>".
 */
#ifndef SMTPD_MARKS_H
#define SMTPD_MARKS_H

#include <stdbool.h>

#include "base/str.h"
#include "mail/envelope.h"
#include "proto/conf.h"
#include "proto/lane.h"

enum { MARK_VALUE_MAX = 64 };
_Static_assert(LANE_HEADERS *(LANE_HEADER_MAX + MARK_VALUE_MAX + 2) <= MARKS_MAX, "all must fit");

/* Zero-initialised. */
struct marks {
	bool seen[LANE_HEADERS];
	size_t left; /* of the value at hand; 0: it does not count */
	size_t n;
	char text[MARKS_MAX];
};

/* Reads which fields count. */
void marks_configure(const struct conf *c);
/* A field of that name begins. */
void marks_field(struct marks *m, struct str name);
/* The next part of its value. */
void marks_value(struct marks *m, struct str piece);
/* All so far, borrowed from m. */
struct str marks_text(const struct marks *m);

#endif
