/* Sequence sets (RFC 3501 "sequence-set"): "1,3:5,7:*". */
#ifndef SESSION_SET_H
#define SESSION_SET_H

#include "base/buf.h"
#include "parse.h"

struct range {
	uint32_t from, to; /* from <= to, except that 0 stands for '*' until set_resolve() */
};

struct set {
	struct range *ranges; /* in the arena */
	size_t n;
	bool star; /* there is a '*' in it */
};

/* Takes one set; a 0 is an error. */
bool parse_set(struct parse *p, struct set *out);
/* Gives '*' its value (0 in an empty mailbox), sorts, joins what overlaps. */
void set_resolve(struct set *s, uint32_t star);
/* In a resolved set: is v in it? */
bool set_has(const struct set *s, uint32_t v);
/* "1:3,7" of n ascending numbers. */
void set_put(struct buf *b, const uint32_t *v, size_t n);

#endif
