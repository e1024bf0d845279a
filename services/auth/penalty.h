/*
 * Who guesses too fast. A bucket of tries per client network and login, and a wider one per client
 * network alone; each try is charged before any hash is computed, so tries in parallel count, and a
 * success gives it back. Fixed memory; time is an argument.
 */
#ifndef AUTH_PENALTY_H
#define AUTH_PENALTY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
	PENALTY_SETS = 2048, /* x PENALTY_WAYS buckets of 16 bytes */
	PENALTY_WAYS = 4,
	PENALTY_SPRAY = 5, /* times the rate of one login that one network may try on all */
};

struct penalty_bucket {
	uint64_t key; /* 0 = never used */
	uint32_t since; /* seconds, of the last change */
	uint32_t used; /* thousandths of a try */
};

struct penalty {
	uint64_t secret[2];
	uint32_t per_minute; /* tries of one login from one network; 0 = no limit */
	struct penalty_bucket sets[PENALTY_SETS][PENALTY_WAYS];
};

/* secret: random, so that nobody can aim at another's bucket. */
void penalty_init(struct penalty *p, const uint64_t secret[2], uint32_t per_minute);
/* Takes a try at time `now` (ms). False: there is none left, answer without looking. */
bool penalty_charge(struct penalty *p, uint64_t now, struct str client, struct str login);
/* The try was a success. */
void penalty_refund(struct penalty *p, uint64_t now, struct str client, struct str login);

#endif
