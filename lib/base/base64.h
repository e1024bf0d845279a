/*
 * Base64 (RFC 4648 4), strict: padding where due, no other character, no stray bits; with the URL
 * alphabet (RFC 4648 5) the padding is left out, as JOSE wants it (RFC 7515 2).
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/str.h"

/* Characters that n bytes become. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4)

/* Writes BASE64_SIZE(s.n) characters to out, without a NUL, and returns their number. */
size_t base64_encode(struct str s, char *out);
/* Bytes written to out (room for 3/4 of s), or -1. out may be where s begins. */
ssize_t base64_decode(struct str s, char *out);
ssize_t base64url_decode(struct str s, char *out);

#endif
