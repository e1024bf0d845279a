/*
 * Queue and trace ids: 64 bits, written as 13 characters of lower-case base32 (a-z, 2-7).
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdint.h>

#include "base/str.h"

enum { ID_TEXT = 13 };

/* 13 characters and a NUL into out. */
void id_format(uint64_t id, char out[ID_TEXT + 1]);
int id_parse(struct str text, uint64_t *id);
/* 64 random bits from the kernel, never 0. */
uint64_t id_random(void);

#endif
