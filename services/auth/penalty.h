/*
 * Who guesses too fast. A bucket of tries per client network and login, a wider one per client
 * network alone, and one per login alone; each try is charged before any hash is computed, so tries
 * in parallel count, and a success gives it back. The one per login is not for networks from which
 * that login has succeeded before, so that strangers cannot lock anybody out of where he always is.
 * Fixed memory; time is an argument. An empty login has the bucket of the network only.
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
	PENALTY_STRANGERS = 2, /* times that rate that all strange networks may try on one login */
	KNOWN_SETS = 8192, /* x KNOWN_EACH entries of 12 bytes; a login uses one set */
	KNOWN_EACH = 8, /* networks that are remembered of one login */
	KNOWN_DAYS = 60, /* for so long */
};

/* A network from which a login has succeeded. */
struct penalty_known {
	uint64_t key;
	uint32_t day; /* of the last time, since 1970; 0 = free */
} __attribute__((packed));

struct penalty_bucket {
	uint64_t key; /* 0 = never used */
	uint32_t since; /* seconds, of the last change */
	uint32_t used; /* thousandths of a try */
};

struct penalty {
	uint64_t secret[2];
	uint32_t per_minute; /* tries of one login from one network; 0 = no limit */
	struct penalty_bucket sets[PENALTY_SETS][PENALTY_WAYS];
	struct penalty_memory {
		uint64_t secret[2];
		struct penalty_known sets[KNOWN_SETS][KNOWN_EACH];
	} * memory; /* NULL: nothing is remembered */
	bool learned; /* something new since penalty_known() */
};

/* secret: random, so that nobody can aim at another's bucket. remembers: networks that succeeded.
 */
void penalty_init(struct penalty *p, const uint64_t secret[2], uint32_t per_minute, bool remembers);
/* Takes a try at time `now` (ms). False: there is none left, answer without looking. */
bool penalty_charge(struct penalty *p, uint64_t now, struct str client, struct str login);
/* The try was a success; `day` is today's since 1970. */
void penalty_success(
    struct penalty *p, uint64_t now, uint32_t day, struct str client, struct str login);

/*
 * The known networks with the secret of their keys, to be kept by whoever starts next; empty = none
 * is new since the last call. penalty_restore() takes what that gave, or nothing of it when it does
 * not fit.
 */
struct str penalty_known(struct penalty *p);
void penalty_restore(struct penalty *p, struct str kept);
/* Gives a try back without more. */
void penalty_refund(struct penalty *p, uint64_t now, struct str client, struct str login);

#endif
