/*
 * A keyed hash for tables whose keys strangers choose: without the secret nobody can make them collide.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stdint.h>

#include "base/str.h"

/* secret: 128 random bits, the same for as long as the table lives (id_random()). */
uint64_t siphash(const uint64_t secret[2], struct str s);

#endif
