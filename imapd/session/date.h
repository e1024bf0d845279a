/*
 * Dates: of IMAP (RFC 3501 date and date-time) and of the Date header (RFC 5322 3.3, loosely).
 * Times are seconds since 1970; everything is UTC, no time zone file is read.
 */
#ifndef SESSION_DATE_H
#define SESSION_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum { DATE_DAY = 86400 };

/* "1-Feb-1994": 0:00 of that day. False if there is no such day or the year is beyond 9999. */
bool date_parse(struct str s, int64_t *out);
/* " 1-Feb-1994 12:34:56 +0100" */
bool date_parse_time(struct str s, int64_t *out);
/*
 * "Tue, 1 Feb 94 12:34:56 +0100 (x)": *local is the time as written, without regard to the zone
 * (SENTSINCE and its like look at that, RFC 3501 6.4.4).
 */
bool date_parse_header(struct str s, int64_t *local);
/* "\" 1-Feb-1994 12:34:56 +0000\"", with the quotes. */
void date_put(struct buf *b, int64_t t);

#endif
