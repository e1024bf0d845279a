/* What is kept on disk. See store.h. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"

#define MAP_SIZE (1ull << 30) /* address space, not disk */

static MDB_env *env;
static MDB_dbi table;

static MDB_val val_of(struct str s)
{
	return (MDB_val){ s.n, (void *)(uintptr_t)s.p };
}

static int open_table(const char *path)
{
	MDB_txn *txn;
	int rc = mdb_env_create(&env);

	if (rc != 0)
		return rc;
	mdb_env_set_mapsize(env, MAP_SIZE);
	if ((rc = mdb_env_open(env, path, MDB_NOLOCK | MDB_NOTLS, 0600)) != 0 ||
	    (rc = mdb_txn_begin(env, NULL, 0, &txn)) != 0)
		return rc;
	rc = mdb_dbi_open(txn, NULL, 0, &table);
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

/* fd stays locked for the life of the process. */
int store_open(const char *path, int fd, char why[256])
{
	int rc;

	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		snprintf(why, 256, "%.200s is in use by another process", path);
		return -1;
	}
	rc = open_table(path);
	if (rc == 0 && fsync(fd) == -1) /* the name of the file */
		rc = errno;
	if (rc == 0)
		return 0;
	snprintf(why, 256, "%.150s: %s", path, mdb_strerror(rc));
	return -1;
}

int store_put(struct str domain, const struct str *value)
{
	MDB_val k = val_of(domain), v = value != NULL ? val_of(*value) : (MDB_val){ 0 };
	MDB_txn *txn;
	int rc = mdb_txn_begin(env, NULL, 0, &txn);

	if (rc == 0) {
		rc = value != NULL ? mdb_put(txn, table, &k, &v, 0) : mdb_del(txn, table, &k, NULL);
		if (rc == 0 || rc == MDB_NOTFOUND)
			rc = mdb_txn_commit(txn);
		else
			mdb_txn_abort(txn);
	}
	if (rc == 0)
		return 0;
	log_error(NULL, EV("policy-not-kept"), KS("domain", domain), KZ("error", mdb_strerror(rc)));
	return -1;
}

void store_each(void (*fn)(struct str domain, struct str value))
{
	MDB_cursor *cursor;
	MDB_val k, v;
	MDB_txn *txn;

	if (mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0)
		return;
	if (mdb_cursor_open(txn, table, &cursor) == 0) {
		while (mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0)
			fn(str_bytes(k.mv_data, k.mv_size), str_bytes(v.mv_data, v.mv_size));
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
}
