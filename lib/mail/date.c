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

void date_format_utc(int64_t seconds, char out[DATE_TEXT])
{
	time_t t = seconds < 0 ? 0 : seconds >= YEAR_10000 ? YEAR_10000 - 1 : seconds;
	struct tm tm = { 0 };

	gmtime_r(&t, &tm);
	snprintf(out, DATE_TEXT, "%04d-%02d-%02dT%02d:%02d:%02dZ", (tm.tm_year + 1900) % 10000,
	    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Two or four digits at the start of *s, which moves behind them. */
static bool take_number(struct str *s, size_t digits, unsigned most, int *out)
{
	uint64_t n;

	if (s->n < digits || str_u64(str_take(*s, digits), most, &n) == -1)
		return false;
	*s = str_skip(*s, digits);
	*out = (int)n;
	return true;
}

static bool take_char(struct str *s, char c)
{
	if (s->n == 0 || ascii_lower(s->p[0]) != ascii_lower(c))
		return false;
	*s = str_skip(*s, 1);
	return true;
}

/* "Z", "+01:00": the seconds that local time is ahead. */
static bool take_zone(struct str *s, int *ahead)
{
	bool minus = s->n > 0 && s->p[0] == '-';
	int hours, minutes;

	*ahead = 0;
	if (take_char(s, 'Z'))
		return true;
	if (!take_char(s, minus ? '-' : '+') || !take_number(s, 2, 23, &hours) ||
	    !take_char(s, ':') || !take_number(s, 2, 59, &minutes))
		return false;
	*ahead = (hours * 60 + minutes) * 60 * (minus ? -1 : 1);
	return true;
}

static bool drop_fraction(struct str *s)
{
	size_t n = 0;

	if (!take_char(s, '.'))
		return true;
	while (n < s->n && ascii_digit(s->p[n]))
		n++;
	*s = str_skip(*s, n);
	return n > 0;
}

static int days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

int date_parse(struct str s, int64_t *seconds)
{
	struct tm tm = { 0 };
	int year, month, day, ahead;

	if (!take_number(&s, 4, 9999, &year) || !take_char(&s, '-') ||
	    !take_number(&s, 2, 12, &month) || !take_char(&s, '-') ||
	    !take_number(&s, 2, 31, &day) || !take_char(&s, 'T') ||
	    !take_number(&s, 2, 23, &tm.tm_hour) || !take_char(&s, ':') ||
	    !take_number(&s, 2, 59, &tm.tm_min) || !take_char(&s, ':') ||
	    !take_number(&s, 2, 60, &tm.tm_sec) || !drop_fraction(&s) || !take_zone(&s, &ahead) ||
	    s.n > 0 || year < 1970)
		return -1;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	if (month == 0 || day == 0 || day > days_of(year, month))
		return -1;
	*seconds = timegm(&tm) - ahead;
	return *seconds < 0 ? -1 : 0;
}
