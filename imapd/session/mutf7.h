/* Modified UTF-7 of mailbox names (RFC 3501 5.1.3) and UTF-8. */
#ifndef SESSION_MUTF7_H
#define SESSION_MUTF7_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

/*
 * To UTF-8, in the arena. Plain UTF-8 comes back as it is: clients do send it, and the store refuses
 * names that are not valid. A '&' that begins nothing is no name at all: false.
 */
bool mutf7_decode(struct arena *a, struct str s, struct str *out);
/* From UTF-8; bytes that are not UTF-8 become U+FFFD. */
void mutf7_encode(struct buf *b, struct str s);

#endif
