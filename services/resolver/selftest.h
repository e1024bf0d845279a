/*
 * Is DNS as it has to be? Asked at the start and from then on, beside the work: the keys of a trust
 * anchor must come, whole (they are larger than a plain UDP answer of 512 bytes), and validate.
 */
#ifndef RESOLVER_SELFTEST_H
#define RESOLVER_SELFTEST_H

#include "base/buf.h"
#include "settings.h"

/* Begins it; the strings of s are read now. */
void selftest_start(const struct settings *s);
void selftest_status(struct buf *out);

#endif
