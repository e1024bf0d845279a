/*
 * Passwords that were right a moment ago, so that a program which logs in again and again does not
 * cost a slow hash each time. Kept of each is a keyed hash over account, stored hash and password,
 * in locked memory, under a key that ends with the process: another password, or another stored
 * hash, is simply not known. Fixed memory; time is an argument, in ms.
 */
#ifndef AUTH_RECENT_H
#define AUTH_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
	RECENT_BYTES = 32,
	RECENT_SETS = 1024, /* x RECENT_WAYS passwords of 48 bytes */
	RECENT_WAYS = 4,
};

/* Before confinement. -1 with errno: no randomness, or no memory. */
int recent_open(void);
/* What stands for that password of that account, whose stored hash is `hash`. */
void recent_mark(
    struct str address, struct str hash, struct str password, uint8_t mark[RECENT_BYTES]);
/* It was right. */
void recent_learn(struct str address, const uint8_t mark[RECENT_BYTES], uint64_t now);
/* Has it been right within the last `age` ms? */
bool recent_knows(struct str address, const uint8_t mark[RECENT_BYTES], uint64_t now, uint64_t age);
/* Something of that account has changed. */
void recent_forget(struct str address);

#endif
