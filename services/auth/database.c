/*
 * The account database. See database.h. One thread, one process: MDB_NOLOCK, and a lock on the
 * change log keeps a second process out.
 */
#include "database.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/ipc.h"

enum {
	VERSION = 2,
	VERSION_LEAST = 1, /* before the journal; its records are read as they are */
	LOG_MAX = 4 * 1024 * 1024,
};
#define MAP_SIZE (16ull << 30) /* address space, not disk: some ten million accounts */

static const char *const names[DB_TABLES] = {
	[DB_ACCOUNTS] = "accounts",
	[DB_DELETED] = "deleted",
	[DB_DOMAINS] = "domains",
	[DB_ALIASES] = "aliases",
	[DB_MAKING] = "making",
	[DB_HOMES] = "homes",
	[DB_META] = "meta",
	[DB_JOURNAL] = "journal",
};

static struct {
	MDB_env *env;
	MDB_dbi tables[DB_TABLES];
	MDB_txn *txn; /* the batch that is being written */
	MDB_txn *view; /* what borrowed values live in */
	struct buf log;
	int log_fd;
	bool broken; /* a sync failed */
	bool spoilt; /* this batch must not be committed */
	bool torn; /* the change log may end within a line */
} db = { .log_fd = -1 };

static MDB_val val_of(struct str s)
{
	return (MDB_val){ s.n, (void *)(uintptr_t)s.p };
}

static struct str str_of_val(MDB_val v)
{
	return str_bytes(v.mv_data, v.mv_size);
}

static enum db_result result_of(int rc)
{
	return rc == 0              ? DB_OK
	       : rc == MDB_NOTFOUND ? DB_MISSING
	       : rc == MDB_KEYEXIST ? DB_EXISTS
				    : DB_FAULT;
}

/* --- reading --------------------------------------------------------------------------------- */

/* The batch, or a view of what is on disk; NULL = there is none to be had. */
static MDB_txn *reading(void)
{
	if (db.txn != NULL)
		return db.txn;
	if (db.view != NULL) {
		mdb_txn_reset(db.view);
		if (mdb_txn_renew(db.view) == 0)
			return db.view;
		mdb_txn_abort(db.view);
		db.view = NULL;
	}
	return mdb_txn_begin(db.env, NULL, MDB_RDONLY, &db.view) == 0 ? db.view : NULL;
}

enum db_result db_get(enum db_table t, struct str key, struct str *value)
{
	MDB_txn *txn = reading();
	MDB_val k = val_of(key), v;
	int rc;

	if (txn == NULL)
		return DB_FAULT;
	rc = key.n == 0 ? MDB_NOTFOUND : mdb_get(txn, db.tables[t], &k, &v);
	if (rc == 0)
		*value = str_of_val(v);
	return result_of(rc);
}

/* Where a walk begins: the record behind (before) `after`. */
static int first_of(MDB_cursor *cursor, struct str after, bool backwards, MDB_val *k, MDB_val *v)
{
	int rc;

	*k = val_of(after);
	if (after.n == 0)
		return mdb_cursor_get(cursor, k, v, backwards ? MDB_LAST : MDB_FIRST);
	rc = mdb_cursor_get(cursor, k, v, MDB_SET_RANGE);
	if (backwards)
		return mdb_cursor_get(cursor, k, v, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
	return rc == 0 && str_eq(str_of_val(*k), after) ? mdb_cursor_get(cursor, k, v, MDB_NEXT)
							: rc;
}

enum db_result db_each(enum db_table t, struct str after, bool backwards,
    bool (*fn)(struct str key, struct str value, void *arg), void *arg)
{
	MDB_txn *txn = reading();
	MDB_cursor *cursor;
	MDB_val k, v;
	int rc;

	if (txn == NULL || mdb_cursor_open(txn, db.tables[t], &cursor) != 0)
		return DB_FAULT;
	rc = first_of(cursor, after, backwards, &k, &v);
	while (rc == 0 && fn(str_of_val(k), str_of_val(v), arg))
		rc = mdb_cursor_get(cursor, &k, &v, backwards ? MDB_PREV : MDB_NEXT);
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? DB_OK : result_of(rc);
}

enum db_result db_number(const char *name, uint32_t first, uint32_t *out)
{
	struct str value;
	enum db_result r = db_get(DB_META, str_of(name), &value);

	*out = first;
	if (r == DB_OK) {
		struct get g = get_start(value);

		*out = get_u32(&g);
		if (get_end(&g) == -1)
			return DB_FAULT;
	}
	return r == DB_MISSING ? DB_OK : r;
}

/* --- opening --------------------------------------------------------------------------------- */

static int open_tables(char why[256])
{
	uint32_t version;

	for (unsigned t = 0; t < DB_TABLES; t++) {
		int rc = mdb_dbi_open(db.txn, names[t], MDB_CREATE, &db.tables[t]);

		if (rc != 0)
			return rc;
	}
	if (db_number("version", VERSION, &version) != DB_OK)
		return MDB_CORRUPTED;
	if (version < VERSION_LEAST || version > VERSION) {
		(void)snprintf(why, 256, "the account database has format %u, this is for %u",
		    version, VERSION);
		return MDB_VERSION_MISMATCH;
	}
	return db_set_number("version", VERSION) == DB_OK ? 0 : EIO;
}

static int open_log(int dirfd, char why[256])
{
	struct stat st;
	char last = '\n';

	db.log_fd = openat(
	    dirfd, "changes.log", O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (db.log_fd == -1 || fstat(db.log_fd, &st) == -1) {
		(void)snprintf(why, 256, "changes.log: %s", strerror(errno));
		return -1;
	}
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
		(void)snprintf(why, 256, "changes.log is not a plain file");
		return -1;
	}
	if (flock(db.log_fd, LOCK_EX | LOCK_NB) == -1) {
		(void)snprintf(why, 256, "the account database is in use by another process");
		return -1;
	}
	if (st.st_size > 0 && pread(db.log_fd, &last, 1, st.st_size - 1) != 1) {
		(void)snprintf(why, 256, "changes.log: %s", strerror(errno));
		return -1;
	}
	db.torn = last != '\n';
	return 0;
}

static int open_env(const char *path, char why[256])
{
	MDB_txn *txn;
	int rc = mdb_env_create(&db.env);

	if (rc != 0)
		return rc;
	mdb_env_set_mapsize(db.env, MAP_SIZE);
	mdb_env_set_maxdbs(db.env, DB_TABLES);
	if ((rc = mdb_env_open(db.env, path, MDB_NOLOCK | MDB_NOTLS, 0600)) != 0 ||
	    (rc = mdb_txn_begin(db.env, NULL, 0, &db.txn)) != 0)
		return rc;
	rc = open_tables(why);
	txn = db.txn;
	db.txn = NULL;
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

int db_open(const char *path, int dirfd, char why[256])
{
	int rc;

	why[0] = '\0';
	buf_init(&db.log, LOG_MAX);
	db.broken = false;
	if (open_log(dirfd, why) == -1)
		goto fail;
	rc = open_env(path, why);
	if (rc == 0 && fsync(dirfd) == -1) /* the names of both files */
		rc = errno;
	if (rc == 0)
		return 0;
	if (why[0] == '\0')
		(void)snprintf(why, 256, "%s: %s", path, mdb_strerror(rc));
fail:
	db_close();
	return -1;
}

void db_close(void)
{
	if (db.txn != NULL)
		mdb_txn_abort(db.txn);
	if (db.view != NULL)
		mdb_txn_abort(db.view);
	if (db.env != NULL)
		mdb_env_close(db.env);
	if (db.log_fd != -1)
		close(db.log_fd);
	buf_clear(&db.log);
	db.txn = db.view = NULL;
	db.env = NULL;
	db.log_fd = -1;
}

/* --- writing --------------------------------------------------------------------------------- */

enum db_result db_begin(void)
{
	assert(db.txn == NULL);
	buf_reset(&db.log);
	db.spoilt = false;
	if (db.torn)
		buf_char(&db.log, '\n');
	if (db.view != NULL)
		mdb_txn_reset(db.view); /* it would keep old pages from being used again */
	if (db.broken || mdb_txn_begin(db.env, NULL, 0, &db.txn) != 0)
		return DB_FAULT;
	return DB_OK;
}

bool db_writing(void)
{
	return db.txn != NULL;
}

enum db_result db_put(enum db_table t, struct str key, const struct str *value)
{
	MDB_val k = val_of(key), v;
	enum db_result r;

	if (value == NULL) {
		r = result_of(mdb_del(db.txn, db.tables[t], &k, NULL));
	} else {
		v = val_of(*value);
		r = result_of(mdb_put(db.txn, db.tables[t], &k, &v, 0));
	}
	if (r == DB_FAULT)
		db.spoilt = true;
	return r;
}

enum db_result db_set_number(const char *name, uint32_t n)
{
	uint8_t space[4];
	struct put w = put_into(space, sizeof space);

	put_u32(&w, n);
	return db_put(DB_META, str_of(name), &(struct str){ (const char *)space, sizeof space });
}

void db_log(struct str line)
{
	if (buf_printf(&db.log, "%.*s\n", STR_ARG(line)) == -1)
		db.spoilt = true;
}

void db_spoil(void)
{
	db.spoilt = true;
}

/* Appends the batch's lines and syncs them. What a full disk cut short is ended by the next batch.
 */
static int write_log(void)
{
	ssize_t n;

	if (db.log.n == 0)
		return 0;
	db.torn = false;
	n = write(db.log_fd, db.log.p, db.log.n);
	if (n == (ssize_t)db.log.n) {
		if (fdatasync(db.log_fd) == 0)
			return 0;
		db.broken = true;
	}
	if (n > 0)
		db.torn = true;
	return -1;
}

int db_commit(void)
{
	MDB_txn *txn = db.txn;
	int rc;

	assert(txn != NULL);
	db.txn = NULL;
	if (db.spoilt || write_log() == -1) {
		mdb_txn_abort(txn);
		return -1;
	}
	rc = mdb_txn_commit(txn);
	if (rc == 0)
		return 0;
	/* what the log announced did not happen; if even this line fails, so it will be at next
	 * start */
	if (rc != ENOSPC && rc != MDB_MAP_FULL)
		db.broken = true;
	buf_reset(&db.log);
	db_log(STR("failed: the lines before this one did not happen"));
	(void)write_log();
	return -1;
}
