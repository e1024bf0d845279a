/*
 * Names of accounts and of their homes. Pure.
 */
#ifndef AUTH_HOME_H
#define AUTH_HOME_H

#include <stdint.h>

#include "base/str.h"
#include "proto/auth.h"

/*
 * The one spelling of an account's address: canonical as in mail/address.h, ASCII letters in lower
 * case, the local part unquoted. A login without a domain gets default_domain (empty = refused).
 * Writes a C string into out. 0, or -1 when it can be no account's address.
 */
int account_name(struct str login, struct str default_domain, char out[LOGIN_MAX + 1]);

/*
 * Where the mail of that account lies below the mail directory: "<domain>/<localpart>". Every byte
 * but a-z 0-9 . _ + - becomes %xx, and so does a leading dot, so no part can be "..", hidden, or
 * hold a slash. turn > 0 makes the home of a later account of the same name differ:
 * "<localpart>~<turn>". name is what account_name() wrote. 0, or -1 when a part would be longer
 * than a file name may be.
 */
int account_home(const char *name, uint32_t turn, char out[HOME_MAX + 1]);

#endif
