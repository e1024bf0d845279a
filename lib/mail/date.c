/* Date and time as in a header field. See date.h. */
#include "mail/date.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { YEAR_0 = -62167219200, YEAR_10000 = 253402300800 };

void date_format(int64_t seconds, char out[DATE_TEXT])
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
		"Sep", "Oct", "Nov", "Dec" };
	time_t t = seconds;
	struct tm tm = { 0 };
	long zone;

	/* a day of distance, for the zone */
	if (t < YEAR_0 + 86400)
		t = YEAR_0 + 86400;
	if (t >= YEAR_10000 - 86400)
		t = YEAR_10000 - 86401;
	if (localtime_r(&t, &tm) == NULL)
		gmtime_r(&t, &tm);
	zone = tm.tm_gmtoff / 60;
	snprintf(out, DATE_TEXT, "%s, %d %s %04d %02d:%02d:%02d %c%02ld%02ld", days[tm.tm_wday % 7],
	    tm.tm_mday, months[tm.tm_mon % 12], (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min,
	    tm.tm_sec, zone < 0 ? '-' : '+', labs(zone) / 60 % 100, labs(zone) % 60);
}
