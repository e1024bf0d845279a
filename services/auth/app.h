/*
 * App passwords: made here, of enough random bits that a fast hash is enough, and with a part that
 * finds the right one without trying all. "k7m2p-x4tzq-..." is five groups of five characters, 125
 * bits; the first group finds it. Case, blanks and hyphens do not count when it is typed.
 */
#ifndef AUTH_APP_H
#define AUTH_APP_H

#include "record.h"

enum { APP_TEXT_MAX = 29 };

/* Makes one: id, hash, and what the user gets to see once. -1: no randomness to be had. */
int app_make(struct app_password *a, char text[APP_TEXT_MAX + 1]);
/* The one of the account that this password is and that is good for the scope now, or NULL. */
const struct app_password *app_find(
    const struct account_record *r, struct str password, uint8_t scope, int64_t now);

#endif
