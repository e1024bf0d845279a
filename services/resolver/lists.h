/*
 * DNS lists (RFC 5782). A list is asked only while it is sane: 127.0.0.2 is on it, as on every
 * list, and 127.0.0.1 is not. One that lists everybody, or answers that it will not answer
 * (127.255.255.x), is off until it has passed again.
 */
#ifndef RESOLVER_LISTS_H
#define RESOLVER_LISTS_H

#include "base/buf.h"
#include "base/loop.h"
#include "library.h"

enum { LISTS_MAX = 16, CODES_MAX = 32 };

struct list {
	struct str zone;
	uint8_t codes[CODES_MAX]; /* last byte of 127.0.0.x that count */
	unsigned ncodes; /* 0 = all but 127.0.0.0 and 127.0.0.1 */
	bool on, tested;
	struct timer again;
	struct query listed, free; /* its test */
	struct arena memory;
	unsigned pending;
};

/* Reads dns_lists; strings are borrowed from c. -1 with a sentence in why. */
int lists_read(const struct conf *c, char why[CONF_WHY]);
/* Begins to test them. */
void lists_start(void);
size_t lists_all(struct list **out);
void lists_status(struct buf *out);

/* The name to ask for, in a's memory; its length may be 0 when it would be too long. */
struct str list_name(const struct list *l, const struct ip *ip, struct arena *a);
/*
 * What an answer to that says: the code that lists the client, or family 0. One that says that the
 * list does not answer switches it off.
 */
struct ip list_verdict(struct list *l, const struct dns_answer *a);

#endif
