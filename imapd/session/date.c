/* Dates. See date.h. */
#include "date.h"

#include <string.h>

static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
	"Oct", "Nov", "Dec" };

/* Days since 1970 of a day of the Gregorian calendar; years start in March, so leap days come last.
 */
static int64_t days_of(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void day_of(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int mp = (int)((5 * doy + 2) / 153);

	*day = (int)(doy - (153 * mp + 2) / 5) + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

static int month_length(int64_t year, int month)
{
	static const int lengths[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return lengths[month - 1] + (month == 2 && leap);
}

/* --- reading --------------------------------------------------------------------------------- */

/* Takes min to max digits. */
static bool digits(struct str *s, size_t min, size_t max, int *out)
{
	size_t n = 0;

	*out = 0;
	while (n < max && n < s->n && ascii_digit(s->p[n]))
		*out = *out * 10 + (s->p[n++] - '0');
	*s = str_skip(*s, n);
	return n >= min;
}

static bool one(struct str *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = str_skip(*s, 1);
	return true;
}

static bool month_name(struct str *s, int *month)
{
	for (*month = 1; *month <= 12; (*month)++) {
		if (str_casestarts(*s, (struct str){ months[*month - 1], 3 })) {
			*s = str_skip(*s, 3);
			return true;
		}
	}
	return false;
}

static bool day_seconds(int year, int month, int day, int64_t *out)
{
	if (year < 1 || day < 1 || day > month_length(year, month))
		return false;
	*out = days_of(year, month, day) * DATE_DAY;
	return true;
}

/* hh:mm:ss; a leap second counts as the next one. */
static bool clock_seconds(struct str *s, int64_t *t)
{
	int h, m, sec;

	if (!digits(s, 2, 2, &h) || !one(s, ':') || !digits(s, 2, 2, &m) || !one(s, ':') ||
	    !digits(s, 2, 2, &sec) || h > 23 || m > 59 || sec > 60)
		return false;
	*t += h * 3600 + m * 60 + sec;
	return true;
}

/* +hhmm */
static bool zone_seconds(struct str *s, int64_t *t)
{
	bool minus = one(s, '-');
	int h, m;

	if ((!minus && !one(s, '+')) || !digits(s, 2, 2, &h) || !digits(s, 2, 2, &m) || m > 59)
		return false;
	*t -= (minus ? -1 : 1) * (h * 3600 + m * 60);
	return true;
}

static bool take_date(struct str *s, int64_t *out)
{
	int day, month, year;

	return digits(s, 1, 2, &day) && one(s, '-') && month_name(s, &month) && one(s, '-') &&
	       digits(s, 4, 4, &year) && day_seconds(year, month, day, out);
}

bool date_parse(struct str s, int64_t *out)
{
	return take_date(&s, out) && s.n == 0;
}

bool date_parse_time(struct str s, int64_t *out)
{
	one(&s, ' ');
	return take_date(&s, out) && one(&s, ' ') && clock_seconds(&s, out) && one(&s, ' ') &&
	       zone_seconds(&s, out) && s.n == 0;
}

static void blanks(struct str *s)
{
	while (one(s, ' ') || one(s, '\t'))
		continue;
}

bool date_parse_header(struct str s, int64_t *local)
{
	ssize_t comma = str_find(s, ',');
	int day, month, year;
	size_t before;
	int64_t t;

	if (comma >= 0)
		s = str_skip(s, (size_t)comma + 1);
	blanks(&s);
	if (!digits(&s, 1, 2, &day))
		return false;
	blanks(&s);
	one(&s, '-');
	if (!month_name(&s, &month))
		return false;
	blanks(&s);
	one(&s, '-');
	before = s.n;
	if (!digits(&s, 2, 4, &year))
		return false;
	/* RFC 5322 4.3: years of two and three digits */
	if (before - s.n == 2)
		year += year < 50 ? 2000 : 1900;
	else if (before - s.n == 3)
		year += 1900;
	if (!day_seconds(year, month, day, local))
		return false;
	blanks(&s);
	t = *local;
	if (clock_seconds(&s, &t))
		*local = t;
	return true;
}

/* --- writing --------------------------------------------------------------------------------- */

static char *two(char *p, int v, char pad)
{
	*p++ = v < 10 ? pad : (char)('0' + v / 10);
	*p++ = (char)('0' + v % 10);
	return p;
}

void date_put(struct buf *b, int64_t t)
{
	char text[40], *p = text;
	int64_t days, year;
	int month, day, left;

	/* what does not fit into four digits of a year is shown at the edge */
	if (t < -62135596800)
		t = -62135596800;
	if (t > 253402300799)
		t = 253402300799;
	days = (t >= 0 ? t : t - (DATE_DAY - 1)) / DATE_DAY;
	left = (int)(t - days * DATE_DAY);
	day_of(days, &year, &month, &day);
	*p++ = '"';
	p = two(p, day, ' ');
	*p++ = '-';
	memcpy(p, months[month - 1], 3);
	p += 3;
	*p++ = '-';
	p = two(p, (int)(year / 100), '0');
	p = two(p, (int)(year % 100), '0');
	*p++ = ' ';
	p = two(p, left / 3600, '0');
	*p++ = ':';
	p = two(p, left / 60 % 60, '0');
	*p++ = ':';
	p = two(p, left % 60, '0');
	memcpy(p, " +0000\"", 7);
	buf_put(b, text, (size_t)(p + 7 - text));
}
