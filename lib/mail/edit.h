/*
 * Changes to the header of a message, applied while it is copied out, so that the stored body is
 * never rewritten. The two deliver programs that need it share this one function.
 *
 * Edits see the message as it is stored, not each other: indexes count stored fields. What is
 * inserted at the same place stands in the order of the list.
 */
#ifndef MAIL_EDIT_H
#define MAIL_EDIT_H

#include <stdint.h>

#include "base/str.h"
#include "mail/header.h"

enum { EDITS_MAX = 256 };

enum edit_kind { EDIT_INSERT, EDIT_CHANGE, EDIT_DELETE };

struct edit {
	uint8_t kind;
	/* INSERT: before the index-th field (0 = top; beyond the last = at the end of the header); else
	 * the index-th field of that name, from 1. CHANGE of a field that is not there adds it at the
	 * end of the header. */
	uint32_t index;
	struct str name; /* without colon */
	struct str value; /* as it stands behind the colon, folded with CRLF; not for DELETE */
};

/* A message on its way. out gets the bytes in order; what it returns other than 0 ends the copy. */
struct edit_copy {
	const struct edit *edits; /* borrowed */
	uint32_t n;
	int (*out)(void *arg, struct str bytes);
	void *arg;
	struct header_scan scan;
	uint32_t fields; /* begun so far */
	uint32_t seen[EDITS_MAX]; /* per edit: fields of its name so far */
	bool skip, body;
};

/* n <= EDITS_MAX. */
void edit_start(struct edit_copy *c, const struct edit *edits, uint32_t n,
    int (*out)(void *arg, struct str bytes), void *arg);
/* Both return 0, or what out returned. */
int edit_feed(struct edit_copy *c, struct str bytes);
int edit_finish(struct edit_copy *c);

#endif
