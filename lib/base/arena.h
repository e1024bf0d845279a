/*
 * struct arena: memory that is freed all at once. One per session and one per transaction or
 * command, reset at its end. Never returns NULL; whoever takes input from a peer looks at
 * arena_used() at the points where a limit is to hold.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/str.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first */
	size_t used;
};

void arena_init(struct arena *a); /* allocates nothing yet */
void arena_clear(struct arena *a); /* frees everything; may be used again */
void arena_reset(struct arena *a); /* the same, but keeps one small block for the next use */

void *arena_alloc(struct arena *a, size_t n); /* zeroed, aligned for any type */
void *arena_array(struct arena *a, size_t n, size_t size);
/* Copies with a NUL behind, which is not counted in the str. */
struct str arena_str(struct arena *a, struct str s);
char *arena_z(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static inline size_t arena_used(const struct arena *a)
{
	return a->used;
}

#endif
