/*
 * Names of message files in a Maildir:
 *
 *	<arrival seconds>.Q<queue id>R<slot>.<host>,S=<bytes on disk>,W=<bytes with CRLF>
 *
 * The part up to and including the dot behind the slot is the key. It is made from what the queue
 * keeps for the message, so that a delivery which is tried again finds its own name, whatever
 * happened to the size fields, the flags, or the host's name in between.
 */
#ifndef MAILDIR_NAME_H
#define MAILDIR_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
	NAME_HOST_MAX = 64, /* of the host's name that goes into a file name */
	NAME_SIZE = 200, /* a whole name with its NUL; NAME_MAX leaves room for U= and flags */
};

struct name {
	char stem[NAME_SIZE]; /* without the sizes */
	char tmp[NAME_SIZE]; /* the name in tmp/: the stem and this process */
	char full[NAME_SIZE]; /* the name in new/, once name_sizes() was called */
	size_t key; /* length of the part that never changes */
};

/*
 * Two processes never write the same file in tmp/: after a reload an old one may still be busy.
 * arrival is in microseconds since 1970; what must not stand in a file name becomes '_'.
 */
void name_make(struct name *n, int64_t arrival, uint64_t id, uint32_t slot, struct str host);
void name_sizes(struct name *n, uint64_t size, uint64_t wire);

/* A name in any of the directories that belongs to the same message and recipient. */
bool name_matches(const struct name *n, const char *entry);
/* The entry's name says that size, or none. */
bool name_has_size(const char *entry, uint64_t size);

#endif
