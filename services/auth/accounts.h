/*
 * The account database: an LMDB environment with one owner, and beside it a change log that is only
 * ever appended to. Both lie in the accounts directory ("data.mdb", "changes.log").
 *
 * A change is written in a batch: accounts_begin(), any number of accounts_add() and so on,
 * accounts_commit(). When commit has returned 0 the change log and the database are both on disk,
 * in this order. After a failed sync nothing is written any more until the process starts anew.
 */
#ifndef AUTH_ACCOUNTS_H
#define AUTH_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "pool.h"
#include "proto/auth.h"

enum account_state {
	ACCOUNT_MAKING, /* its home is not known to exist; nobody hears of it */
	ACCOUNT_READY,
	ACCOUNT_STATES
};

/* One account, by value. */
struct account_record {
	char address[LOGIN_MAX + 1];
	char home[HOME_MAX + 1];
	char hash[POOL_HASH_MAX + 1];
	uint32_t uid, gid;
	uint64_t quota;
	int64_t created; /* seconds since 1970 */
	bool enabled;
	uint8_t state;
};
/* What others may know of it; borrows from r. */
struct account account_of(const struct account_record *r);

enum accounts_result { ACCOUNTS_OK, ACCOUNTS_MISSING, ACCOUNTS_EXISTS, ACCOUNTS_FAULT };

/*
 * Opens (creates) the database in that directory, before confinement. -1: not possible, `why` (256
 * bytes) says what is wrong: not ours, in use by another process, damaged, of a newer version.
 */
int accounts_open(const char *path, int dirfd, char why[256]);
void accounts_close(void);

/* ACCOUNTS_OK, _MISSING or _FAULT (the database cannot be read: never the same as "no"). */
enum accounts_result accounts_find(const char *address, struct account_record *out);
/* Calls fn for each account with an address behind `after` ("" = all), until it returns false. */
enum accounts_result accounts_each(
    const char *after, bool (*fn)(const struct account_record *r, void *arg), void *arg);

/* Who changes, for the log. */
struct change_by {
	uint32_t uid, pid; /* of the peer at the control socket; auth itself is 0, 0 */
};

/* Who owns the mail of new accounts: uid 0 = each gets a uid of its own, never used before. */
struct account_owner {
	uint32_t uid, gid;
};

enum accounts_result accounts_begin(void);
/*
 * Fills in r->uid, gid, home (one that no account ever had) and created, state ACCOUNT_MAKING. An
 * account that is still in this state is taken up again.
 */
enum accounts_result accounts_add(
    struct account_record *r, struct account_owner owner, struct change_by by);
enum accounts_result accounts_set_hash(const char *address, const char *hash, struct change_by by);
/* The home is there: the account begins to live. */
enum accounts_result accounts_ready(const char *address);
/* The address becomes unknown; home and uid stay taken for ever. */
enum accounts_result accounts_delete(const char *address, struct change_by by);
/* 0 = everything since accounts_begin() is on disk; -1 = nothing of it happened. */
int accounts_commit(void);

#endif
