/*
 * Finding settings and checking their values; the rows are in settings_*.c. Links libc only: master
 * reads its configuration with it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "proto/conf.h"

/* --- finding --------------------------------------------------------------------------------- */

static const struct setting **sorted; /* by section, then name */
static size_t nsorted;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int compare_rows(const void *pa, const void *pb)
{
	const struct setting *a = *(const struct setting *const *)pa;
	const struct setting *b = *(const struct setting *const *)pb;
	int c = str_cmp(str_of(a->section), str_of(b->section));

	return c != 0 ? c : str_cmp(str_of(a->name), str_of(b->name));
}

static void sort_rows(void)
{
	nsorted = setting_count();
	sorted = xcalloc(nsorted, sizeof *sorted);
	for (size_t i = 0; i < nsorted; i++)
		sorted[i] = setting_at(i);
	qsort(sorted, nsorted, sizeof *sorted, compare_rows);
}

const struct setting *setting_find(const char *section, struct str name)
{
	size_t lo = 0, hi;

	pthread_once(&once, sort_rows);
	hi = nsorted;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct setting *s = sorted[mid];
		int c = str_cmp(str_of(section), str_of(s->section));

		if (c == 0)
			c = str_cmp(name, str_of(s->name));
		if (c == 0)
			return s;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

bool setting_section(struct str kind)
{
	const struct setting *row;

	for (size_t i = 0; (row = setting_at(i)) != NULL; i++)
		if (row->section != NULL && str_eq(kind, str_of(row->section)))
			return true;
	return false;
}

/* --- numbers --------------------------------------------------------------------------------- */

struct unit {
	const char *suffix;
	int64_t factor;
};

static const struct unit sizes[] = {
	{ "k", INT64_C(1) << 10 },
	{ "M", INT64_C(1) << 20 },
	{ "G", INT64_C(1) << 30 },
	{ "T", INT64_C(1) << 40 },
	{ "K", INT64_C(1) << 10 },
	{ "", 1 },
	{ NULL, 0 },
};

static const struct unit times[] = {
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60 * 1000 },
	{ "h", 3600 * 1000 },
	{ "d", 24 * 3600 * 1000 },
	{ "w", 7 * 24 * 3600 * 1000 },
	{ NULL, 0 },
};

static const struct unit plain[] = { { "", 1 }, { NULL, 0 } };

static int number_with_unit(struct str text, const struct unit *units, int64_t *out)
{
	bool negative = str_starts(text, STR("-"));
	uint64_t v;
	size_t n = 0;

	text = str_skip(text, negative ? 1 : 0);
	while (n < text.n && ascii_digit(text.p[n]))
		n++;
	if (str_u64(str_take(text, n), INT64_MAX, &v) == -1)
		return -1;
	text = str_skip(text, n);
	for (; units->suffix != NULL; units++) {
		/* nothing is nothing in any unit */
		if (!str_eq(text, str_of(units->suffix)) && !(v == 0 && text.n == 0))
			continue;
		if (__builtin_mul_overflow((int64_t)v, units->factor, out))
			return -1;
		if (negative)
			*out = -*out;
		return 0;
	}
	return -1;
}

static int number_bool(struct str text, int64_t *out)
{
	static const char *const words[] = { "no", "yes", "off", "on", "false", "true" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (str_caseeq(text, str_of(words[i]))) {
			*out = i & 1;
			return 0;
		}
	return -1;
}

int setting_number(enum setting_type type, struct str text, int64_t *out)
{
	*out = 0;
	switch (type) {
	case SET_BOOL:
		return number_bool(text, out);
	case SET_INT:
		return number_with_unit(text, plain, out);
	case SET_SIZE:
		return number_with_unit(text, sizes, out);
	case SET_TIME:
		return number_with_unit(text, times, out);
	case SET_STR:
	case SET_ENUM:
	case SET_LIST:
		break;
	}
	return -1;
}

/* --- forms of text --------------------------------------------------------------------------- */

static bool form_path(struct str s)
{
	struct str part;

	if (!str_starts(s, STR("/")) || s.n >= 1024)
		return false;
	while (str_cut(&s, '/', &part))
		if (str_eq(part, STR(".")) || str_eq(part, STR("..")))
			return false;
	return true;
}

/* RFC 1123 2.1: labels of letters, digits and inner hyphens; UTF-8 is let through for IDNA. */
static bool form_host(struct str s)
{
	struct str label;

	if (s.n == 0 || s.n > 253 || s.p[s.n - 1] == '.')
		return false;
	while (str_cut(&s, '.', &label)) {
		if (label.n == 0 || label.n > 63 || label.p[0] == '-' ||
		    label.p[label.n - 1] == '-')
			return false;
		for (size_t i = 0; i < label.n; i++) {
			char c = label.p[i];

			if (!ascii_alpha(c) && !ascii_digit(c) && c != '-' && c != '_' &&
			    !(c & 0x80))
				return false;
		}
	}
	return true;
}

/* Bits of the address, or -1. */
static int address_bits(struct str s)
{
	unsigned char raw[16];
	char z[64];

	if (str_copy(s, z, sizeof z) == -1)
		return -1;
	if (inet_pton(AF_INET, z, raw) == 1)
		return 32;
	return inet_pton(AF_INET6, z, raw) == 1 ? 128 : -1;
}

static bool form_address(struct str s)
{
	return address_bits(s) != -1;
}

static bool form_network(struct str s)
{
	ssize_t slash = str_find(s, '/');
	uint64_t prefix;
	int bits;

	if (slash == -1)
		return form_address(s);
	bits = address_bits(str_take(s, (size_t)slash));
	return bits != -1 && str_u64(str_skip(s, (size_t)slash + 1), (uint64_t)bits, &prefix) == 0;
}

static bool form_user(struct str s)
{
	if (s.n == 0 || s.n > 32 || s.p[0] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_alpha(s.p[i]) && !ascii_digit(s.p[i]) && !memchr("-_.", s.p[i], 3))
			return false;
	return true;
}

static const struct {
	bool (*fn)(struct str);
	const char *want;
} forms[] = {
	[FORM_ANY] = { NULL, NULL },
	[FORM_PATH] = { form_path, "an absolute path without \".\" and \"..\"" },
	[FORM_HOST] = { form_host, "a host name" },
	[FORM_ADDRESS] = { form_address, "a numeric IPv4 or IPv6 address" },
	[FORM_NETWORK] = { form_network, "a network such as 192.0.2.0/24 or 2001:db8::/32" },
	[FORM_USER] = { form_user, "the name of a system user" },
};

/* --- checking -------------------------------------------------------------------------------- */

static const char *const wants[] = {
	[SET_BOOL] = "yes or no",
	[SET_INT] = "a whole number",
	[SET_SIZE] = "a number of bytes such as 4096, 64k, 10M or 2G",
	[SET_TIME] = "a time with its unit, such as 200ms, 300s, 5m, 4h or 5d",
};

static int say(const struct setting *s, char *why, const char *want)
{
	snprintf(why, SETTING_WHY, "%s must be %s", s->name, want);
	return -1;
}

static int check_number(const struct setting *s, struct str text, char *why)
{
	int64_t v;

	if (setting_number(s->type, text, &v) == -1)
		return say(s, why, wants[s->type]);
	if (s->type == SET_BOOL)
		return 0;
	if (v >= s->min && (s->max == 0 || v <= s->max))
		return 0;
	if (s->max == 0)
		snprintf(why, SETTING_WHY, "%s must be at least %lld%s", s->name, (long long)s->min,
		    s->type == SET_TIME ? " ms" : "");
	else
		snprintf(why, SETTING_WHY, "%s must be between %lld and %lld%s", s->name,
		    (long long)s->min, (long long)s->max, s->type == SET_TIME ? " ms" : "");
	return -1;
}

static int check_enum(const struct setting *s, struct str text, char *why)
{
	struct str rest = str_of(s->choices), choice;

	while (str_cut(&rest, '|', &choice))
		if (str_eq(choice, text))
			return 0;
	snprintf(why, SETTING_WHY, "%s must be one of %s", s->name, s->choices);
	return -1;
}

static int check_text(const struct setting *s, struct str text, char *why)
{
	bool empty_default = s->def == NULL || s->def[0] == '\0';

	if (text.n == 0 && s->type == SET_STR && empty_default)
		return 0;
	if (forms[s->form].fn != NULL && !forms[s->form].fn(text))
		return say(s, why, forms[s->form].want);
	return 0;
}

int setting_check(const struct setting *s, struct str text, char *why)
{
	if (text.n > SETTING_TEXT_MAX) {
		snprintf(why, SETTING_WHY, "%s is longer than %d bytes", s->name, SETTING_TEXT_MAX);
		return -1;
	}
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 127)
			return say(s, why, "printable text on one line");
	switch (s->type) {
	case SET_BOOL:
	case SET_INT:
	case SET_SIZE:
	case SET_TIME:
		return check_number(s, text, why);
	case SET_ENUM:
		return check_enum(s, text, why);
	case SET_STR:
	case SET_LIST:
		return check_text(s, text, why);
	}
	abort();
}
