/*
 * The certificates of the configuration, each with the pair in use, and the keys that were in use
 * until a moment ago, for handshakes under way.
 */
#ifndef KEYS_STORE_H
#define KEYS_STORE_H

#include "base/buf.h"
#include "pair.h"
#include "proto/conf.h"
#include "proto/role.h"

/* One "certificate" section. */
struct slot {
	char *name, *certificate_path, *key_path;
	uint32_t roles; /* whose listeners use it (ROLE_BIT) */
	struct pair *pair; /* in use; NULL = none yet */
	char why[KEYFILE_WHY]; /* why the files were not taken at the last look; "" = they were */
	int days_told; /* the last warning of its expiry */
};

/* The configuration, also a new one: sections that keep their name keep their pair. */
void store_configure(const struct conf *c);
/* A file that has been asked for: takes *fd (-1 = error says why there is none). */
void store_file(struct str path, int *fd, int error);
/*
 * All of them are there: switches to the pairs that are good, keeps the others, and says so once.
 * now: seconds since 1970. Returns whether what is to be published has changed. loud: says again
 * why a pair was not taken, though nothing has changed since.
 */
bool store_take(int64_t now, bool loud);
/* Those that expire soon: one event a day each. within: seconds. */
void store_warn(int64_t now, int64_t within);

size_t store_count(void);
const struct slot *store_slot(size_t i);
/* The key with that id if it is one for this role, or NULL. */
EVP_PKEY *store_key(uint64_t id, enum role role);
/* JSON objects for thurn tls status, one each. */
void store_describe(const struct slot *s, int64_t now, struct buf *out);
void store_clear(void); /* for tests */

#endif
