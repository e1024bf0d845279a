/* Date and time as in a header field: RFC 5322 3.3. */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include <stdint.h>

enum { DATE_TEXT = 40 }; /* bytes with the NUL */

/*
 * "Mon, 23 Nov 2026 15:04:05 +0100" for seconds since 1970, in local time. The zone must have been
 * read before confinement (tzset). Years stay within four digits.
 */
void date_format(int64_t seconds, char out[DATE_TEXT]);

#endif
