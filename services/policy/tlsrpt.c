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
static int decode(struct str s, char out[TALLY_RUA_MAX + 1])
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
		if (c <= ' ' || c > '~' || n == TALLY_RUA_MAX)
			return -1;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return 0;
}

/* One address, without fields of a header (RFC 6068 2): nobody else says what stands there. */
static int take_mail(struct str uri, struct tally_rua *r)
{
	struct str text = str_skip(uri, sizeof "mailto:" - 1);
	char plain[TALLY_RUA_MAX + 1];
	struct address a;

	if (str_find(text, '?') != -1 || decode(text, plain) == -1 ||
	    address_parse(str_of(plain), 0, &a) != ADDRESS_OK)
		return -1;
	snprintf(r->uri, sizeof r->uri, "mailto:%.*s", STR_ARG(a.text));
	return 0;
}

static int take_web(struct str uri, struct tally_rua *r)
{
	return str_copy(uri, r->uri, sizeof r->uri);
}

static const struct {
	struct str scheme;
	int (*take)(struct str uri, struct tally_rua *r);
} schemes[] = {
	{ STR("mailto:"), take_mail },
	{ STR("https://"), take_web },
};

static int take(struct str uri, struct tally_rua *r)
{
	*r = (struct tally_rua){ .state = RUA_TODO };
	if (uri.n > TALLY_RUA_MAX || !visible(uri))
		return -1;
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
		if (str_casestarts(uri, schemes[i].scheme))
			return schemes[i].take(uri, r);
	return -1;
}

static void add(struct str uri, struct tally_rua *ruas, uint32_t *n)
{
	if (*n == TALLY_RUAS || take(uri, &ruas[*n]) == -1)
		return;
	for (uint32_t i = 0; i < *n; i++)
		if (strcmp(ruas[i].uri, ruas[*n].uri) == 0)
			return;
	++*n;
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

int tlsrpt_record(struct str text, struct tally_rua ruas[TALLY_RUAS], uint32_t *n)
{
	struct str rest = text, field, name, uri;
	bool found = false;

	*n = 0;
	if (!str_cut(&rest, ';', &field) || rest.p == NULL ||
	    !str_eq(str_trim(field), STR("v=TLSRPTv1")) || field.p[0] != 'v')
		return 0;
	while (str_cut(&rest, ';', &field)) {
		field = str_trim(field);
		if (field.n == 0 && rest.p == NULL)
			break; /* behind the last semicolon */
		if (!str_cut(&field, '=', &name) || field.p == NULL || !valid_name(name))
			return -1;
		if (!str_eq(name, STR("rua")))
			continue;
		if (found)
			return -1;
		found = true;
		while (str_cut(&field, ',', &uri))
			add(str_trim(uri), ruas, n);
	}
	return found ? 1 : -1;
}
