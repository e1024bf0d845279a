/*
 * The account database: an LMDB environment with one owner, and beside it a change log that is only
 * ever appended to. Both lie in the accounts directory ("data.mdb", "changes.log").
 *
 * A change is written in a batch: db_begin(), any number of changes (journal.h), db_commit(). When
 * commit has returned 0 the change log and the database are both on disk, in this order. After a
 * failed sync nothing is written any more until the process starts anew.
 */
#ifndef AUTH_DATABASE_H
#define AUTH_DATABASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Those before DB_MAKING are changed through journal.h only. */
enum db_table {
	DB_ACCOUNTS, /* address -> record.h */
	DB_DELETED, /* the last account of an address that was deleted */
	DB_DOMAINS, /* domain -> its settings */
	DB_ALIASES, /* address -> where its mail goes */
	DB_MAKING, /* address -> the account that it is to get: its home is not known to exist yet
		    */
	DB_HOMES, /* home -> address, also those of deleted accounts */
	DB_META, /* "version", "next-uid", "next-change" */
	DB_JOURNAL, /* number -> what a change was */
	DB_TABLES
};

enum db_result { DB_OK, DB_MISSING, DB_EXISTS, DB_FAULT };

/*
 * Opens (creates) the database in that directory, before confinement. -1: not possible, `why` (256
 * bytes) says what is wrong: not ours, in use by another process, damaged, of a newer version.
 */
int db_open(const char *path, int dirfd, char why[256]);
void db_close(void);

/* A value, borrowed until the next db call outside of db_each(). DB_FAULT: it cannot be read. */
enum db_result db_get(enum db_table t, struct str key, struct str *value);
/* Calls fn for each record with a key behind `after`, or before it when backwards ("" = all). */
enum db_result db_each(enum db_table t, struct str after, bool backwards,
    bool (*fn)(struct str key, struct str value, void *arg), void *arg);

enum db_result db_begin(void);
bool db_writing(void);
/* Within a batch; any DB_FAULT spoils the whole of it. p NULL = removes. */
enum db_result db_put(enum db_table t, struct str key, const struct str *value);
/* A number in DB_META; missing = `first`. */
enum db_result db_number(const char *name, uint32_t first, uint32_t *out);
enum db_result db_set_number(const char *name, uint32_t v);
/* A line for the change log, without its end. */
void db_log(struct str line);
/* The batch cannot be written. */
void db_spoil(void);
/* 0 = everything since db_begin() is on disk; -1 = nothing of it happened. */
int db_commit(void);

#endif
