/* Modified UTF-7 of mailbox names (RFC 3501 5.1.3) and UTF-8. */
#ifndef SESSION_MUTF7_H
#define SESSION_MUTF7_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

/*
 * To UTF-8, in the arena. What is no modified UTF-7 comes back as it is: clients do send plain
 * UTF-8, or a lone '&', and the store refuses names that are not valid.
 */
struct str mutf7_decode(struct arena *a, struct str s);
/* From UTF-8; bytes that are not UTF-8 become U+FFFD. */
void mutf7_encode(struct buf *b, struct str s);

#endif
