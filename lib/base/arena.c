/* Memory that is freed all at once. See arena.h. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum { BLOCK_SMALL = 1024 - 64, BLOCK_LARGE = 16384 - 64 };

struct arena_block {
	struct arena_block *next;
	size_t n, cap;
	alignas(max_align_t) unsigned char data[];
};

void arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
}

static struct arena_block *block_new(struct arena *a, size_t n)
{
	size_t cap = a->blocks == NULL ? BLOCK_SMALL : BLOCK_LARGE;
	struct arena_block *b;

	if (cap < n)
		cap = n;
	b = xmalloc(sizeof *b + cap);
	b->n = 0;
	b->cap = cap;
	b->next = a->blocks;
	a->blocks = b;
	return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b = a->blocks;
	void *p;

	if (n > SIZE_MAX / 2)
		abort();
	n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (b == NULL || b->cap - b->n < n)
		b = block_new(a, n);
	p = b->data + b->n;
	b->n += n;
	a->used += n;
	return memset(p, 0, n);
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		abort();
	return arena_alloc(a, bytes);
}

char *arena_z(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

struct str arena_str(struct arena *a, struct str s)
{
	return (struct str){ arena_z(a, s), s.n };
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *p = NULL;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	if (n >= 0) {
		p = arena_alloc(a, (size_t)n + 1);
		vsnprintf(p, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	va_end(ap);
	return p == NULL ? STR_NONE : (struct str){ p, (size_t)n };
}

void arena_clear(struct arena *a)
{
	struct arena_block *b, *next;

	for (b = a->blocks; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	arena_init(a);
}

void arena_reset(struct arena *a)
{
	struct arena_block *first = a->blocks, *next;

	while (first != NULL && first->next != NULL) {
		next = first->next;
		free(first);
		first = next;
	}
	if (first != NULL && first->cap > BLOCK_SMALL) {
		free(first);
		first = NULL;
	}
	*a = (struct arena){ .blocks = first };
	if (first != NULL)
		first->n = 0;
}
