/* Patterns of LIST and LSUB. See pattern.h. */
#include "pattern.h"

static bool wild(char c)
{
	return c == '*' || c == '%';
}

struct str pattern_make(struct arena *a, struct str reference, struct str pattern)
{
	struct str all = arena_printf(a, "%.*s%.*s", STR_ARG(reference), STR_ARG(pattern));
	char *to = arena_z(a, all);
	size_t n = 0;

	for (size_t i = 0; i < all.n; i++) {
		if (n == 0 || !wild(all.p[i]) || !wild(to[n - 1]))
			to[n++] = all.p[i];
		else if (all.p[i] == '*')
			to[n - 1] = '*';
	}
	return (struct str){ to, n };
}

/* Length of a first level INBOX, else 0. */
static size_t inbox_length(struct str name)
{
	return str_casestarts(name, STR("INBOX")) && (name.n == 5 || name.p[5] == '/') ? 5 : 0;
}

enum { NOWHERE = -1 };

/*
 * On a mismatch the last '%' takes one more character, or, where it must not, the last '*'. Going
 * back further is never needed: what stands before has matched as early as it could.
 */
bool pattern_match(struct str pattern, struct str name)
{
	size_t p = 0, n = 0, any_case = inbox_length(name);
	ssize_t star = NOWHERE, star_n = 0, percent = NOWHERE, percent_n = 0;

	for (;;) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = (ssize_t)p++;
			star_n = (ssize_t)n;
			percent = NOWHERE;
		} else if (p < pattern.n && pattern.p[p] == '%') {
			percent = (ssize_t)p++;
			percent_n = (ssize_t)n;
		} else if (p < pattern.n && n < name.n &&
			   (pattern.p[p] == name.p[n] ||
			       (n < any_case &&
				   ascii_lower(pattern.p[p]) == ascii_lower(name.p[n])))) {
			p++;
			n++;
		} else if (p == pattern.n && n == name.n) {
			return true;
		} else if (percent != NOWHERE && (size_t)percent_n < name.n &&
			   name.p[percent_n] != '/') {
			n = (size_t)++percent_n;
			p = (size_t)percent + 1;
		} else if (star != NOWHERE && (size_t)star_n < name.n) {
			n = (size_t)++star_n;
			p = (size_t)star + 1;
			percent = NOWHERE;
		} else {
			return false;
		}
	}
}
