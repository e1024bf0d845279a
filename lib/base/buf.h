/*
 * struct buf: a growable buffer with a hard maximum, for anything that is built. An addition that
 * would pass the maximum changes nothing and sets `full`, which stays set until buf_reset(), so a
 * caller may add many things and look once.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct buf {
	char *p;
	size_t n; /* bytes in use */
	size_t cap; /* bytes allocated */
	size_t max;
	bool full;
};

void buf_init(struct buf *b, size_t max); /* allocates nothing yet */
void buf_clear(struct buf *b); /* frees the memory; may be used again */
void buf_reset(struct buf *b); /* empties it, keeps the memory */

/* All return 0, or -1 when the maximum is reached. */
int buf_put(struct buf *b, const void *p, size_t n);
int buf_str(struct buf *b, struct str s);
int buf_z(struct buf *b, const char *z);
int buf_char(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Room for n more bytes at the end (write there, then add to b->n), or NULL at the maximum. */
char *buf_room(struct buf *b, size_t n);
/* Removes the first n bytes (n <= b->n). */
void buf_drop(struct buf *b, size_t n);

/*
 * The same for what may hold secrets, of which nothing stays in memory: not where it was, nor where it
 * was before the buffer grew, or before what was ahead of it was dropped.
 */
int buf_put_secret(struct buf *b, const void *p, size_t n);
void buf_drop_secret(struct buf *b, size_t n);
void buf_clear_secret(struct buf *b);

/* What it holds, valid until the next change. */
static inline struct str buf_view(const struct buf *b)
{
	return (struct str){ b->p != NULL ? b->p : "", b->n };
}

/* The same as a C string: puts a NUL behind the content, not counted. */
const char *buf_cstr(struct buf *b);

#endif
