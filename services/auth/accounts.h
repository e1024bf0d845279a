/*
 * What the account database means: accounts, domains and aliases. Changes happen in a batch of
 * database.h and are recorded by journal.h.
 */
#ifndef AUTH_ACCOUNTS_H
#define AUTH_ACCOUNTS_H

#include "journal.h"
#include "record.h"

/* DB_OK, DB_MISSING or DB_FAULT (the database cannot be read: never the same as "no"). */
enum db_result accounts_find(const char *address, struct account_record *out);

/* Who owns the mail of new accounts: uid 0 = each gets a uid of its own, never used before. */
struct account_owner {
	uint32_t uid, gid;
};
/*
 * Fills in r->uid, gid, home (one that no account ever had) and created, and keeps the record
 * apart: nobody hears of it before accounts_add(). One that is kept already is taken up again.
 * DB_EXISTS: there is such an account, or an alias.
 */
enum db_result accounts_reserve(struct account_record *r, struct account_owner owner);
/* Its home is there: the account begins to live. */
enum db_result accounts_add(const char *address, struct change_by by);
/* Writes r in place of what there is. */
enum db_result accounts_update(
    const struct account_record *r, const char *verb, struct change_by by);
/* The address becomes unknown; home and uid stay taken for ever. */
enum db_result accounts_delete(const char *address, struct change_by by);
/* Brings back what was deleted last under that address. DB_EXISTS: there is a new one. */
enum db_result accounts_undelete(const char *address, struct change_by by);

/* A domain without a record is as the rule says: all flags 0. */
enum db_result domains_find(struct str domain, struct domain_record *out);
enum db_result domains_set(const char *domain, const struct domain_record *d, struct change_by by);

/* Borrowed until the next call. */
enum db_result aliases_find(const char *address, struct str *targets);
/* No targets: there is to be none. DB_EXISTS: the address is an account's. */
enum db_result aliases_set(const char *address, struct str targets, struct change_by by);

#endif
