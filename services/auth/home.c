/*
 * Names of accounts and of their homes. See home.h: the answer becomes a path that a process of
 * root's walks, so nothing but a fixed alphabet passes.
 */
#include "home.h"

#include <limits.h>
#include <stdio.h>

#include "mail/address.h"

int account_name(struct str login, struct str default_domain, char out[LOGIN_MAX + 1])
{
	struct address a;
	char whole[LOGIN_MAX + 1];
	size_t n;

	if (str_find(login, '@') == -1) {
		int len = login.n > LOGIN_MAX ? -1
					      : snprintf(whole, sizeof whole, "%.*s@%.*s",
						    STR_ARG(login), STR_ARG(default_domain));

		if (len < 0 || (size_t)len != login.n + 1 + default_domain.n)
			return -1;
		login = str_of(whole);
	}
	/* a quoted local part is a fine address, but nobody's login */
	if (address_parse(login, ADDRESS_UTF8, &a) != ADDRESS_OK || a.local.p[0] == '"' ||
	    str_copy(a.text, out, LOGIN_MAX + 1) == -1)
		return -1;
	for (n = 0; out[n] != '\0'; n++)
		out[n] = ascii_lower(out[n]);
	return 0;
}

static bool plain(char c)
{
	return (c >= 'a' && c <= 'z') || ascii_digit(c) || c == '.' || c == '_' || c == '+' ||
	       c == '-';
}

/* Appends s as one path component to out at *n; -1 when it gets longer than max bytes. */
static int put_part(struct str s, size_t max, char *out, size_t *n)
{
	static const char hex[] = "0123456789abcdef";
	size_t start = *n;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (*n - start + 3 > max)
			return -1;
		if (plain((char)c) && !(i == 0 && c == '.')) {
			out[(*n)++] = (char)c;
			continue;
		}
		out[(*n)++] = '%';
		out[(*n)++] = hex[c >> 4];
		out[(*n)++] = hex[c & 15];
	}
	return s.n > 0 ? 0 : -1;
}

int account_home(const char *name, uint32_t turn, char out[HOME_MAX + 1])
{
	struct str s = str_of(name);
	ssize_t at = str_rfind(s, '@');
	size_t n = 0;

	_Static_assert(HOME_MAX >= 2 * NAME_MAX + 1, "a home is two file names and a slash");
	if (at <= 0 || put_part(str_skip(s, (size_t)at + 1), NAME_MAX, out, &n) == -1)
		return -1;
	out[n++] = '/';
	if (put_part(str_take(s, (size_t)at), NAME_MAX - sizeof "~4294967295", out, &n) == -1)
		return -1;
	out[n] = '\0';
	if (turn > 0)
		(void)snprintf(out + n, HOME_MAX + 1 - n, "~%u", turn);
	return 0;
}
