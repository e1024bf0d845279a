/* Domain names and address literals. See domain.h. */
#include "mail/domain.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/utf8.h"

static bool label_valid(struct str l)
{
	if (l.n == 0 || l.n > LABEL_MAX || l.p[0] == '-' || l.p[l.n - 1] == '-')
		return false;
	for (size_t i = 0; i < l.n; i++) {
		if (!ascii_alpha(l.p[i]) && !ascii_digit(l.p[i]) && l.p[i] != '-' && l.p[i] != '_')
			return false;
	}
	return true;
}

static bool all_digits(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!ascii_digit(s.p[i]))
			return false;
	}
	return true;
}

static int ascii_canonical(struct str s, char out[DOMAIN_MAX + 1])
{
	struct str rest = s, label = STR_NONE;

	if (s.n == 0 || s.n > DOMAIN_MAX)
		return -1;
	while (str_cut(&rest, '.', &label)) {
		if (!label_valid(label))
			return -1;
	}
	if (all_digits(label))
		return -1; /* an address without its brackets, not a name */
	for (size_t i = 0; i < s.n; i++)
		out[i] = ascii_lower(s.p[i]);
	out[s.n] = '\0';
	return 0;
}

int domain_canonical(struct str s, bool utf8, char out[DOMAIN_MAX + 1])
{
	char z[DOMAIN_MAX + 1];
	uint8_t *ascii = NULL;
	int r = -1;

	if (str_is_ascii(s))
		return ascii_canonical(s, out);
	if (!utf8 || str_copy(s, z, sizeof z) == -1 || !utf8_valid(s))
		return -1;
	if (idn2_lookup_u8((const uint8_t *)z, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) ==
	    IDN2_OK)
		r = ascii_canonical(str_of((const char *)ascii), out);
	idn2_free(ascii);
	return r;
}

int literal_canonical(struct str s, char out[DOMAIN_MAX + 1])
{
	char text[INET6_ADDRSTRLEN], canonical[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	bool six;

	if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return -1;
	s = str_take(str_skip(s, 1), s.n - 2);
	six = str_casestarts(s, STR("IPv6:"));
	if (six)
		s = str_skip(s, 5);
	if (str_copy(s, text, sizeof text) == -1 ||
	    inet_pton(six ? AF_INET6 : AF_INET, text, bytes) != 1 ||
	    inet_ntop(six ? AF_INET6 : AF_INET, bytes, canonical, sizeof canonical) == NULL)
		return -1;
	snprintf(out, DOMAIN_MAX + 1, "[%s%s]", six ? "IPv6:" : "", canonical);
	return 0;
}
