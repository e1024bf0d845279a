/*
 * Making the files of hash:, btree: and lmdb: tables. Always a new file beside the old one, synced
 * and renamed into its place: a reader sees the old table or the new one. For command-line tools;
 * nothing that runs confined writes tables.
 */
#ifndef TABLE_BUILD_H
#define TABLE_BUILD_H

#include <sys/types.h>

#include "table/table.h"

struct table_build;

enum {
	BUILD_NO_NUL = 1 /* keys and values end without a NUL; else with one, as Postfix on Linux
			    writes them */
};

/*
 * Begins the file path + suffix of the type ("hash", "btree", "lmdb") under another name in the
 * same directory. NULL with why.
 */
struct table_build *table_build_new(
    struct str type, const char *path, unsigned flags, char why[TABLE_WHY]);

/* 0 = written; 1 = the key is there already, and the value was only changed if replace is set. -1
 * with why. */
int table_build_put(
    struct table_build *b, struct str key, struct str value, bool replace, char why[TABLE_WHY]);
/* 1 = deleted, 0 = there was none, -1 with why. */
int table_build_delete(struct table_build *b, struct str key, char why[TABLE_WHY]);

/* Gives it that mode, syncs it and puts it in place. Frees b, also on -1, where nothing has
 * changed. */
int table_build_commit(struct table_build *b, mode_t mode, char why[TABLE_WHY]);
/* Removes what was begun. NULL is allowed. */
void table_build_abort(struct table_build *b);

#endif
