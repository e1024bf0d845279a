/* Where reports are wanted. See tlsrpt.h. */
#include "tlsrpt.h"

#include <stdio.h>
#include <string.h>

#include "mail/address.h"

static bool visible(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n > 0;
}

/* --- one place -------------------------------------------------------------------------------- */

static int hex(char c)
{
	return ascii_digit(c)         ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

/* RFC 3986 2.1. -1: malformed, or no visible text. */
static int decode(struct str s, char out[TLSRPT_PLACE_MAX + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		int c = s.p[i];

		if (c == '%') {
			if (i + 2 >= s.n || hex(s.p[i + 1]) == -1 || hex(s.p[i + 2]) == -1)
				return -1;
			c = hex(s.p[i + 1]) * 16 + hex(s.p[i + 2]);
			i += 2;
		}
		if (c <= ' ' || c > '~' || n == TLSRPT_PLACE_MAX)
			return -1;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return 0;
}

/* One address, without fields of a header (RFC 6068 2): nobody else says what stands there. */
static int take_mail(struct str uri, char out[TLSRPT_PLACE_MAX + 1])
{
	struct str text = str_skip(uri, sizeof "mailto:" - 1);
	char plain[TLSRPT_PLACE_MAX + 1];
	struct address a;

	if (str_find(text, '?') != -1 || decode(text, plain) == -1 ||
	    address_parse(str_of(plain), 0, &a) != ADDRESS_OK)
		return -1;
	snprintf(out, TLSRPT_PLACE_MAX + 1, "mailto:%.*s", STR_ARG(a.text));
	return 0;
}

static int take_web(struct str uri, char out[TLSRPT_PLACE_MAX + 1])
{
	return str_copy(uri, out, TLSRPT_PLACE_MAX + 1);
}

static const struct {
	struct str scheme;
	int (*take)(struct str uri, char out[TLSRPT_PLACE_MAX + 1]);
} schemes[] = {
	{ STR("mailto:"), take_mail },
	{ STR("https://"), take_web },
};

static int take(struct str uri, char out[TLSRPT_PLACE_MAX + 1])
{
	if (uri.n > TLSRPT_PLACE_MAX || !visible(uri))
		return -1;
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
		if (str_casestarts(uri, schemes[i].scheme))
			return schemes[i].take(uri, out);
	return -1;
}

static void add(struct tlsrpt *t, struct str uri)
{
	if (t->n == TLSRPT_PLACES || take(uri, t->places[t->n]) == -1)
		return;
	for (uint32_t i = 0; i < t->n; i++)
		if (strcmp(t->places[i], t->places[t->n]) == 0)
			return;
	t->n++;
}

/* --- the record ------------------------------------------------------------------------------- */

/* 1*32 of letters, digits and, but for the first one, some marks */
static bool valid_name(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_alpha(s.p[i]) && !ascii_digit(s.p[i]) &&
		    (i == 0 || (s.p[i] != '_' && s.p[i] != '-' && s.p[i] != '.')))
			return false;
	return s.n > 0 && s.n <= 32;
}

/* Its fields, behind the version. False: malformed. */
static bool take_fields(struct tlsrpt *t, struct str rest)
{
	struct str field, name, uri;
	bool found = false;

	while (str_cut(&rest, ';', &field)) {
		field = str_trim(field);
		if (field.n == 0 && rest.p == NULL)
			break; /* behind the last semicolon */
		if (!str_cut(&field, '=', &name) || field.p == NULL || !valid_name(name))
			return false;
		if (!str_eq(name, STR("rua")))
			continue;
		if (found)
			return false;
		found = true;
		while (str_cut(&field, ',', &uri))
			add(t, str_trim(uri));
	}
	return found;
}

void tlsrpt_add(struct tlsrpt *t, struct str text)
{
	struct str rest = text, version;

	if (!str_cut(&rest, ';', &version) || rest.p == NULL ||
	    !str_eq(str_trim(version), STR("v=TLSRPTv1")) || version.p[0] != 'v')
		return;
	t->found++;
	t->malformed = !take_fields(t, rest) || t->malformed;
}

const char *tlsrpt_why(const struct tlsrpt *t)
{
	return t->found == 0  ? "it has no record"
	       : t->found > 1 ? "it has more than one record"
	       : t->malformed ? "its record is malformed"
	       : t->n == 0    ? "its record names no place that can be used"
			      : NULL;
}

bool tlsrpt_has_mail(const struct tlsrpt *t, struct str address)
{
	const struct str scheme = STR("mailto:");

	for (uint32_t i = 0; tlsrpt_why(t) == NULL && i < t->n; i++) {
		struct str place = str_of(t->places[i]);

		if (str_starts(place, scheme) && str_eq(str_skip(place, scheme.n), address))
			return true;
	}
	return false;
}
