/*
 * Allocation that does not fail: out of memory ends the process and master starts it again.
 * Sizes that a peer can push against are capped before they come here.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

/* Heap memory, zeroed; yours to free(). */
void *xcalloc(size_t n, size_t size);
/* Heap memory, not zeroed. */
void *xmalloc(size_t size);
/* realloc() to n * size bytes; an overflow of the product ends the process. */
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);

#endif
