/*
 * What the account database keeps of an account, a domain and an alias, by value, and the bytes it
 * becomes. Each record begins with its version; older ones stay readable.
 */
#ifndef AUTH_RECORD_H
#define AUTH_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ipc.h"
#include "pool.h"
#include "proto/auth.h"
#include "scram.h"

enum {
	APP_ID_MAX = 8,
	APP_HASH_BYTES = 32,
	APPS_MAX = 16, /* app passwords of one account */
	RECORD_MAX = 8 * 1024,
};

/* A password that was made here for one program of the user's; see app.h. */
struct app_password {
	char id[APP_ID_MAX + 1]; /* the part that finds it */
	char name[APP_NAME_MAX + 1];
	uint8_t scopes; /* SCOPE_* */
	int64_t created, expires; /* seconds since 1970; expires 0 = never */
	uint8_t hash[APP_HASH_BYTES];
};

struct account_record {
	char address[LOGIN_MAX + 1];
	char home[HOME_MAX + 1];
	char hash[POOL_HASH_MAX + 1];
	struct scram_keys scram; /* iterations 0 = none */
	uint32_t flags; /* ACCOUNT_* */
	uint32_t uid, gid;
	uint64_t quota;
	uint32_t per_hour, per_day; /* recipients; 0 = as the settings say */
	int64_t created; /* seconds since 1970 */
	char senders[SENDERS_TEXT_MAX + 1]; /* addresses it may send as, separated by blanks */
	unsigned napps;
	struct app_password apps[APPS_MAX];
};
void put_record(struct put *w, const struct account_record *r);
/* The address is the record's key. -1: malformed, or of a version to come. */
int get_record(struct str address, struct str bytes, struct account_record *r);
/* What others may know of it; borrows from r. */
struct account account_of(const struct account_record *r);

/* Domains have a record only where something differs from the rule. */
struct domain_record {
	uint32_t flags; /* DOMAIN_* */
};
void put_domain(struct put *w, const struct domain_record *d);
int get_domain(struct str bytes, struct domain_record *d);

/* Where the mail of an alias goes: addresses, separated by blanks. */
void put_alias(struct put *w, struct str targets);
int get_alias(struct str bytes, struct str *targets);

#endif
