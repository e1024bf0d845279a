/*
 * Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef MAIL_UTF8_H
#define MAIL_UTF8_H

#include <stdbool.h>

#include "base/str.h"

/* Length in bytes of the well-formed character at the start of s (1-4), or 0; its code in *code. */
size_t utf8_char(struct str s, uint32_t *code);
bool utf8_valid(struct str s);
bool str_is_ascii(struct str s); /* no byte above 127 */

#endif
