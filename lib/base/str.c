/* Borrowed bytes with a length. See str.h. */
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

struct str str_of(const char *z)
{
	return z == NULL ? STR_NONE : (struct str){ z, strlen(z) };
}

struct str str_bytes(const void *p, size_t n)
{
	return (struct str){ p, n };
}

bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

ssize_t str_find(struct str s, char c)
{
	const char *p = s.n == 0 ? NULL : memchr(s.p, c, s.n);

	return p == NULL ? -1 : p - s.p;
}

struct str str_skip(struct str s, size_t n)
{
	if (n > s.n)
		n = s.n;
	return n == 0 ? s : (struct str){ s.p + n, s.n - n };
}

struct str str_take(struct str s, size_t n)
{
	return (struct str){ s.p, n < s.n ? n : s.n };
}

bool str_cut(struct str *rest, char sep, struct str *head)
{
	ssize_t at;

	if (rest->p == NULL)
		return false;
	at = str_find(*rest, sep);
	if (at == -1) {
		*head = *rest;
		*rest = (struct str){ NULL, 0 };
	} else {
		*head = str_take(*rest, (size_t)at);
		*rest = (struct str){ rest->p + at + 1, rest->n - (size_t)at - 1 };
	}
	return true;
}

int str_u64(struct str s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if (!ascii_digit(s.p[i]) || __builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v) || v > max)
			return -1;
	}
	*out = v;
	return 0;
}

char *str_dup(struct str s)
{
	char *z = xmalloc(s.n + 1);

	if (s.n > 0)
		memcpy(z, s.p, s.n);
	z[s.n] = '\0';
	return z;
}

struct str str_clone(struct str s)
{
	return str_bytes(str_dup(s), s.n);
}

void str_free(struct str *s)
{
	free((char *)(uintptr_t)s->p);
	*s = (struct str){ 0 };
}

int str_copy(struct str s, char *out, size_t size)
{
	if (s.n >= size || (s.n > 0 && memchr(s.p, '\0', s.n) != NULL))
		return -1;
	if (s.n > 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return 0;
}
