/* Date and time as in a header field: RFC 5322 3.3. */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include <stdint.h>

#include "base/str.h"

enum { DATE_TEXT = 40 }; /* bytes with the NUL */

/*
 * "Mon, 23 Nov 2026 15:04:05 +0100" for seconds since 1970, in local time. The zone must have been
 * read before confinement (tzset). Years stay within four digits.
 */
void date_format(int64_t seconds, char out[DATE_TEXT]);

/*
 * "2026-11-23T15:04:05+01:00" or with Z (RFC 3339 5.6) as seconds since 1970; a fraction is
 * dropped, a leap second is the next. 0, or -1 when malformed, before 1970, or no date of the
 * calendar.
 */
int date_parse(struct str s, int64_t *seconds);

/* The same in UTC, "2026-11-23T14:04:05Z". */
void date_format_utc(int64_t seconds, char out[DATE_TEXT]);

#endif
