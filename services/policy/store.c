/* What is kept on disk. See store.h. */
#include "store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"

#define MAP_SIZE (1ull << 30) /* address space, not disk */

struct store {
	MDB_env *env;
	MDB_dbi table;
	MDB_txn *batch; /* NULL: each change is one of its own */
	int failed; /* of the batch: what was wrong first */
};

static MDB_val val_of(struct str s)
{
	return (MDB_val){ s.n, (void *)(uintptr_t)s.p };
}

static int open_table(struct store *s, const char *file)
{
	MDB_txn *txn;
	int rc = mdb_env_create(&s->env);

	if (rc != 0)
		return rc;
	mdb_env_set_mapsize(s->env, MAP_SIZE);
	if ((rc = mdb_env_open(s->env, file, MDB_NOLOCK | MDB_NOTLS | MDB_NOSUBDIR, 0600)) != 0 ||
	    (rc = mdb_txn_begin(s->env, NULL, 0, &txn)) != 0)
		return rc;
	rc = mdb_dbi_open(txn, NULL, 0, &s->table);
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

int store_lock(const char *path, int fd, char why[256])
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	snprintf(why, 256, "%.200s is in use by another process", path);
	return -1;
}

struct store *store_open(const char *path, int fd, const char *file, char why[256])
{
	struct store *s = xcalloc(1, sizeof *s);
	char name[4096 + 64];
	int rc;

	snprintf(name, sizeof name, "%s/%s", path, file);
	rc = open_table(s, name);
	if (rc == 0 && fsync(fd) == -1) /* the name of the file */
		rc = errno;
	if (rc == 0)
		return s;
	snprintf(why, 256, "%.150s: %s", name, mdb_strerror(rc));
	mdb_env_close(s->env);
	free(s);
	return NULL;
}

/* --- changes ---------------------------------------------------------------------------------- */

static int report(int rc)
{
	if (rc == 0)
		return 0;
	log_error(NULL, EV("policy-not-kept"), KZ("error", mdb_strerror(rc)));
	return -1;
}

void store_begin(struct store *s)
{
	assert(s->batch == NULL);
	s->failed = mdb_txn_begin(s->env, NULL, 0, &s->batch);
}

int store_end(struct store *s)
{
	int rc = s->failed;

	if (rc == 0)
		rc = mdb_txn_commit(s->batch);
	else if (s->batch != NULL)
		mdb_txn_abort(s->batch);
	s->batch = NULL;
	return report(rc);
}

static int change(struct store *s, MDB_txn *txn, struct str key, const struct str *value)
{
	MDB_val k = val_of(key), v = value != NULL ? val_of(*value) : (MDB_val){ 0 };
	int rc =
	    value != NULL ? mdb_put(txn, s->table, &k, &v, 0) : mdb_del(txn, s->table, &k, NULL);

	return rc == MDB_NOTFOUND ? 0 : rc;
}

int store_put(struct store *s, struct str key, const struct str *value)
{
	bool alone = s->batch == NULL;

	if (alone)
		store_begin(s);
	if (s->failed == 0)
		s->failed = change(s, s->batch, key, value);
	return alone ? store_end(s) : s->failed == 0 ? 0 : -1;
}

/* --- reading ---------------------------------------------------------------------------------- */

bool store_get(struct store *s, struct str key, void (*fn)(void *arg, struct str value), void *arg)
{
	MDB_val k = val_of(key), v;
	MDB_txn *txn;
	int rc;

	if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn) != 0)
		return false;
	rc = mdb_get(txn, s->table, &k, &v);
	if (rc == 0)
		fn(arg, str_bytes(v.mv_data, v.mv_size));
	mdb_txn_abort(txn);
	return rc == 0;
}

void store_each(struct store *s, void (*fn)(struct str key, struct str value))
{
	MDB_cursor *cursor;
	MDB_val k, v;
	MDB_txn *txn;

	if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn) != 0)
		return;
	if (mdb_cursor_open(txn, s->table, &cursor) == 0) {
		while (mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0)
			fn(str_bytes(k.mv_data, k.mv_size), str_bytes(v.mv_data, v.mv_size));
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
}
