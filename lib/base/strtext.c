/* What readers of text need of struct str: order, case, searching, words. See str.h. */
#include "base/str.h"

#include <string.h>

bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq(str_take(s, prefix.n), prefix);
}

bool str_caseeq(struct str a, struct str b)
{
	return a.n == b.n && str_casecmp(a, b) == 0;
}

static int length_order(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int d = n == 0 ? 0 : memcmp(a.p, b.p, n);

	return d != 0 ? d : length_order(a.n, b.n);
}

int str_casecmp(struct str a, struct str b)
{
	for (size_t i = 0; i < a.n && i < b.n; i++) {
		int d = (unsigned char)ascii_lower(a.p[i]) - (unsigned char)ascii_lower(b.p[i]);

		if (d != 0)
			return d;
	}
	return length_order(a.n, b.n);
}

bool str_casestarts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_caseeq(str_take(s, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_eq(str_skip(s, s.n - suffix.n), suffix);
}

ssize_t str_rfind(struct str s, char c)
{
	const char *p = s.n == 0 ? NULL : memrchr(s.p, c, s.n);

	return p == NULL ? -1 : p - s.p;
}

ssize_t str_search(struct str s, struct str needle)
{
	const char *p;

	if (needle.n == 0)
		return 0;
	p = s.n < needle.n ? NULL : memmem(s.p, s.n, needle.p, needle.n);
	return p == NULL ? -1 : p - s.p;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
	while (s.n > 0 && is_space(s.p[0]))
		s = str_skip(s, 1);
	while (s.n > 0 && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool str_word(struct str *rest, struct str *word)
{
	size_t n = 0;

	while (rest->n > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t'))
		*rest = str_skip(*rest, 1);
	while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
		n++;
	*word = str_take(*rest, n);
	*rest = str_skip(*rest, n);
	return n > 0;
}
