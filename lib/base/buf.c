/* A growable buffer with a hard maximum. See buf.h. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum { BUF_FIRST = 128 };

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_clear(struct buf *b)
{
	size_t max = b->max;

	free(b->p);
	buf_init(b, max);
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	b->full = false;
}

char *buf_room(struct buf *b, size_t n)
{
	size_t cap;

	if (n > b->max || b->n > b->max - n) {
		b->full = true;
		return NULL;
	}
	if (b->n + n + 1 > b->cap) {
		cap = b->cap < BUF_FIRST ? BUF_FIRST : b->cap;
		while (cap < b->n + n + 1)
			cap *= 2;
		b->p = xreallocarray(b->p, cap, 1);
		b->cap = cap;
	}
	return b->p + b->n;
}

int buf_put(struct buf *b, const void *p, size_t n)
{
	char *to;

	if (n == 0)
		return b->full ? -1 : 0;
	to = buf_room(b, n);
	if (to == NULL)
		return -1;
	memcpy(to, p, n);
	b->n += n;
	return 0;
}

int buf_str(struct buf *b, struct str s)
{
	return buf_put(b, s.p, s.n);
}

int buf_z(struct buf *b, const char *z)
{
	return buf_put(b, z, strlen(z));
}

int buf_char(struct buf *b, char c)
{
	return buf_put(b, &c, 1);
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	char *to;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	to = n < 0 ? NULL : buf_room(b, (size_t)n);
	if (to != NULL) {
		vsnprintf(to, (size_t)n + 1, fmt, again);
		b->n += (size_t)n;
	}
	va_end(again);
	return to == NULL ? -1 : 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return r;
}

void buf_drop(struct buf *b, size_t n)
{
	if (n < b->n)
		memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

const char *buf_cstr(struct buf *b)
{
	if (b->cap <= b->n) {
		b->p = xreallocarray(b->p, b->n + 1, 1);
		b->cap = b->n + 1;
	}
	b->p[b->n] = '\0';
	return b->p;
}

/* --- secrets ---------------------------------------------------------------------------------- */

int buf_put_secret(struct buf *b, const void *p, size_t n)
{
	const struct buf old = *b;

	if (b->p != NULL && b->n + n + 1 > b->cap) {
		/* not by realloc, which leaves a copy behind */
		b->p = NULL;
		b->cap = 0;
		if (buf_room(b, n) == NULL) {
			b->p = old.p;
			b->cap = old.cap;
			return -1;
		}
		memcpy(b->p, old.p, old.n);
		explicit_bzero(old.p, old.n);
		free(old.p);
	}
	return buf_put(b, p, n);
}

void buf_drop_secret(struct buf *b, size_t n)
{
	buf_drop(b, n);
	if (n > 0)
		explicit_bzero(b->p + b->n, n); /* what was moved up has left a copy, too */
}

void buf_clear_secret(struct buf *b)
{
	if (b->n > 0)
		explicit_bzero(b->p, b->n);
	buf_clear(b);
}
