/*
 * What lookup knows of the accounts: a bounded cache of services/auth's answers, also of the answer
 * "there is none". auth says when one changes; when the channel to it is lost, all is forgotten.
 */
#ifndef LOOKUP_ACCOUNTS_H
#define LOOKUP_ACCOUNTS_H

#include "proto/auth.h"

enum account_state {
	ACCOUNT_UNKNOWN, /* not in the cache */
	ACCOUNT_NONE,
	ACCOUNT_FOUND,
};

void accounts_init(size_t max);
void accounts_clear(void);

/* Strings of *out are borrowed until the cache changes. address in lower case. */
enum account_state accounts_get(struct str address, struct account *out);
/* account NULL: there is none of that name. */
void accounts_learn(struct str address, const struct account *account);
void accounts_forget(struct str address);

struct accounts_counts {
	uint64_t hits, misses;
	size_t entries, absent; /* absent: entries that say "none" */
};
struct accounts_counts accounts_counts(void);

#endif
