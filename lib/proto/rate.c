/* Rates as text. See rate.h. */
#include "proto/rate.h"

static const char *const names[RATES] = { [RATE_MESSAGES] = "messages",
	[RATE_RECIPIENTS] = "recipients",
	[RATE_CONNECTIONS] = "connections" };

enum { RATE_MAX = 1000 * 1000, DAY_MS = 86400 * 1000 };

const char *rate_name(enum rate_kind k)
{
	return names[k];
}

/* --- the text --------------------------------------------------------------------------------- */

/* "1m", "30s", "200ms", "1h", "1d", and each without a number. */
static int parse_period(struct str text, uint64_t *ms)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 },
		{ "d", DAY_MS } };
	uint64_t n = 1;
	size_t digits = 0;

	while (digits < text.n && ascii_digit(text.p[digits]))
		digits++;
	if (digits > 0 && str_u64(str_take(text, digits), DAY_MS, &n) == -1)
		return -1;
	text = str_skip(text, digits);
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (str_eq(text, str_of(units[i].unit))) {
			*ms = n * units[i].ms;
			return *ms > 0 && *ms <= (uint64_t)7 * DAY_MS ? 0 : -1;
		}
	}
	return -1;
}

int rates_parse(struct str text, struct rates *r)
{
	struct str number, what;
	uint64_t n, ms;

	if (!str_word(&text, &number) || str_u64(number, RATE_MAX, &n) == -1 || n == 0)
		return -1;
	text = str_trim(text);
	if (!str_cut(&text, '/', &what) || parse_period(str_trim(text), &ms) == -1)
		return -1;
	what = str_trim(what);
	for (int k = 0; k < RATES; k++) {
		if (str_eq(what, str_of(names[k]))) {
			r->of[k] = (struct rate){ (uint32_t)n, ms };
			return 0;
		}
	}
	return -1;
}
