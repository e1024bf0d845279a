/*
 * The account database. See accounts.h.
 *
 * Databases: "accounts" address -> record; "homes" home -> address, also those of deleted accounts,
 * so that no account gets another's mail; "meta" "version", "next-uid". One thread, one process:
 * MDB_NOLOCK, and a lock on the change log keeps a second process out.
 */
#include "accounts.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/ipc.h"
#include "home.h"

enum {
	VERSION = 1,
	RECORD_MAX = 2048,
	TURNS_MAX = 1000, /* how often one address may be given anew */
	LOG_MAX = 4 * 1024 * 1024,
};
#define MAP_SIZE (4ull << 30) /* address space, not disk: some ten million accounts */

static struct {
	MDB_env *env;
	MDB_dbi accounts, homes, meta;
	MDB_txn *txn; /* the batch that is being written */
	struct buf log;
	int log_fd;
	bool broken; /* a sync failed */
	bool spoilt; /* this batch must not be committed */
	bool torn; /* the change log may end within a line */
} db = { .log_fd = -1 };

struct account account_of(const struct account_record *r)
{
	return (struct account){ .address = str_of(r->address),
		.home = str_of(r->home),
		.uid = r->uid,
		.gid = r->gid,
		.quota = r->quota,
		.enabled = r->enabled };
}

/* --- records --------------------------------------------------------------------------------- */

static MDB_val key_of(const char *z)
{
	return (MDB_val){ strlen(z), (void *)(uintptr_t)z };
}

static void put_record(struct put *w, const struct account_record *r)
{
	put_u8(w, VERSION);
	put_u8(w, r->state);
	put_u8(w, r->enabled);
	put_u32(w, r->uid);
	put_u32(w, r->gid);
	put_u64(w, r->quota);
	put_i64(w, r->created);
	put_z(w, r->home);
	put_z(w, r->hash);
}

static int get_record(struct str bytes, struct account_record *r)
{
	struct get g = get_start(bytes);

	if (get_u8(&g) != VERSION)
		return -1;
	r->state = get_u8(&g);
	r->enabled = get_bool(&g);
	r->uid = get_u32(&g);
	r->gid = get_u32(&g);
	r->quota = get_u64(&g);
	r->created = get_i64(&g);
	if (str_copy(get_line(&g, HOME_MAX), r->home, sizeof r->home) == -1 ||
	    str_copy(get_line(&g, POOL_HASH_MAX), r->hash, sizeof r->hash) == -1 ||
	    r->state >= ACCOUNT_STATES)
		return -1;
	return get_end(&g);
}

static int read_record(MDB_val key, MDB_val value, struct account_record *r)
{
	if (str_copy(str_bytes(key.mv_data, key.mv_size), r->address, sizeof r->address) == -1)
		return -1;
	return get_record(str_bytes(value.mv_data, value.mv_size), r);
}

static enum accounts_result result_of(int rc)
{
	return rc == 0              ? ACCOUNTS_OK
	       : rc == MDB_NOTFOUND ? ACCOUNTS_MISSING
	       : rc == MDB_KEYEXIST ? ACCOUNTS_EXISTS
				    : ACCOUNTS_FAULT;
}

static enum accounts_result load(MDB_txn *txn, const char *address, struct account_record *out)
{
	MDB_val key = key_of(address), value;
	int rc = key.mv_size == 0 ? MDB_NOTFOUND : mdb_get(txn, db.accounts, &key, &value);

	if (rc == 0 && read_record(key, value, out) == -1)
		return ACCOUNTS_FAULT;
	return result_of(rc);
}

static enum accounts_result store(const struct account_record *r)
{
	uint8_t space[RECORD_MAX];
	struct put w = put_into(space, sizeof space);
	MDB_val key = key_of(r->address), value;

	put_record(&w, r);
	assert(!w.bad);
	value = (MDB_val){ w.n, w.p };
	return result_of(mdb_put(db.txn, db.accounts, &key, &value, 0));
}

enum accounts_result accounts_find(const char *address, struct account_record *out)
{
	MDB_txn *txn;
	enum accounts_result result;

	if (mdb_txn_begin(db.env, NULL, MDB_RDONLY, &txn) != 0)
		return ACCOUNTS_FAULT;
	result = load(txn, address, out);
	mdb_txn_abort(txn);
	return result;
}

static int each(MDB_cursor *cursor, const char *after,
    bool (*fn)(const struct account_record *r, void *arg), void *arg)
{
	MDB_val key = key_of(after), value;
	int rc = mdb_cursor_get(cursor, &key, &value, *after == '\0' ? MDB_FIRST : MDB_SET_RANGE);
	struct account_record r;

	for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
		if (read_record(key, value, &r) == -1)
			return MDB_CORRUPTED;
		if (strcmp(r.address, after) != 0 && !fn(&r, arg))
			return 0;
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

enum accounts_result accounts_each(
    const char *after, bool (*fn)(const struct account_record *r, void *arg), void *arg)
{
	MDB_txn *txn;
	MDB_cursor *cursor;
	int rc = mdb_txn_begin(db.env, NULL, MDB_RDONLY, &txn);

	if (rc != 0)
		return ACCOUNTS_FAULT;
	rc = mdb_cursor_open(txn, db.accounts, &cursor);
	if (rc == 0) {
		rc = each(cursor, after, fn, arg);
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	return result_of(rc);
}

/* --- opening --------------------------------------------------------------------------------- */

static int get_meta(MDB_txn *txn, const char *name, uint32_t *out)
{
	MDB_val key = key_of(name), value;
	int rc = mdb_get(txn, db.meta, &key, &value);

	if (rc == 0) {
		struct get g = get_start(str_bytes(value.mv_data, value.mv_size));

		*out = get_u32(&g);
		rc = get_end(&g) == 0 ? 0 : MDB_CORRUPTED;
	}
	return rc;
}

static int put_meta(MDB_txn *txn, const char *name, uint32_t v)
{
	uint8_t space[4];
	struct put w = put_into(space, sizeof space);
	MDB_val key = key_of(name), value = { sizeof space, space };

	put_u32(&w, v);
	return mdb_put(txn, db.meta, &key, &value, 0);
}

static int open_databases(MDB_txn *txn, char why[256])
{
	uint32_t version = 0;
	int rc;

	if ((rc = mdb_dbi_open(txn, "accounts", MDB_CREATE, &db.accounts)) != 0 ||
	    (rc = mdb_dbi_open(txn, "homes", MDB_CREATE, &db.homes)) != 0 ||
	    (rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &db.meta)) != 0)
		return rc;
	rc = get_meta(txn, "version", &version);
	if (rc == MDB_NOTFOUND)
		return put_meta(txn, "version", VERSION);
	if (rc == 0 && version != VERSION) {
		(void)snprintf(why, 256, "the account database has format %u, this is for %u",
		    version, VERSION);
		return MDB_VERSION_MISMATCH;
	}
	return rc;
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
	mdb_env_set_maxdbs(db.env, 3);
	if ((rc = mdb_env_open(db.env, path, MDB_NOLOCK | MDB_NOTLS, 0600)) != 0 ||
	    (rc = mdb_txn_begin(db.env, NULL, 0, &txn)) != 0)
		return rc;
	rc = open_databases(txn, why);
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

int accounts_open(const char *path, int dirfd, char why[256])
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
	accounts_close();
	return -1;
}

void accounts_close(void)
{
	if (db.txn != NULL)
		mdb_txn_abort(db.txn);
	if (db.env != NULL)
		mdb_env_close(db.env);
	if (db.log_fd != -1)
		close(db.log_fd);
	buf_clear(&db.log);
	db.txn = NULL;
	db.env = NULL;
	db.log_fd = -1;
}

/* --- changes --------------------------------------------------------------------------------- */

static void log_change(const char *verb, const struct account_record *r, struct change_by by)
{
	time_t now = time(NULL);
	struct tm tm;
	char when[32];

	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		when[0] = '\0';
	if (buf_printf(&db.log, "%s %s %s home=%s uid=%u by-uid=%u by-pid=%u\n", when, verb,
		r->address, r->home, r->uid, by.uid, by.pid) == -1)
		db.spoilt = true;
}

/* Any fault within a batch spoils the whole of it. */
static enum accounts_result within(enum accounts_result result)
{
	if (result == ACCOUNTS_FAULT)
		db.spoilt = true;
	return result;
}

enum accounts_result accounts_begin(void)
{
	assert(db.txn == NULL);
	buf_reset(&db.log);
	db.spoilt = false;
	if (db.torn)
		buf_char(&db.log, '\n');
	if (db.broken || mdb_txn_begin(db.env, NULL, 0, &db.txn) != 0)
		return ACCOUNTS_FAULT;
	return ACCOUNTS_OK;
}

static enum accounts_result next_uid(uint32_t *uid)
{
	uint32_t next = ACCOUNT_UID_MIN;
	int rc = get_meta(db.txn, "next-uid", &next);

	if ((rc != 0 && rc != MDB_NOTFOUND) || next < ACCOUNT_UID_MIN || next > ACCOUNT_UID_MAX)
		return ACCOUNTS_FAULT;
	*uid = next;
	return result_of(put_meta(db.txn, "next-uid", next + 1));
}

/* The first home of that name which no account, living or deleted, has had. */
static enum accounts_result take_home(struct account_record *r)
{
	enum accounts_result result = ACCOUNTS_EXISTS;

	for (uint32_t turn = 0; result == ACCOUNTS_EXISTS && turn < TURNS_MAX; turn++) {
		MDB_val key, value = key_of(r->address);

		if (account_home(r->address, turn, r->home) == -1)
			return ACCOUNTS_FAULT;
		key = key_of(r->home);
		result = result_of(mdb_put(db.txn, db.homes, &key, &value, MDB_NOOVERWRITE));
	}
	return result;
}

static enum accounts_result take_uid(struct account_record *r, struct account_owner owner)
{
	enum accounts_result result = ACCOUNTS_OK;

	r->uid = owner.uid;
	r->gid = owner.gid;
	if (owner.uid == 0) {
		result = next_uid(&r->uid);
		r->gid = r->uid;
	}
	return result;
}

enum accounts_result accounts_add(
    struct account_record *r, struct account_owner owner, struct change_by by)
{
	struct account_record old;
	enum accounts_result result = load(db.txn, r->address, &old);

	if (result == ACCOUNTS_OK && old.state != ACCOUNT_MAKING)
		return ACCOUNTS_EXISTS;
	if (result == ACCOUNTS_OK) {
		/* an attempt that failed may have left a home that belongs to its uid */
		r->uid = old.uid;
		r->gid = old.gid;
		memcpy(r->home, old.home, sizeof r->home);
	} else if (result != ACCOUNTS_MISSING || take_uid(r, owner) != ACCOUNTS_OK ||
		   take_home(r) != ACCOUNTS_OK) {
		return within(ACCOUNTS_FAULT);
	}
	r->created = (int64_t)time(NULL);
	r->state = ACCOUNT_MAKING;
	log_change("add", r, by);
	return within(store(r));
}

enum accounts_result accounts_set_hash(const char *address, const char *hash, struct change_by by)
{
	struct account_record r;
	enum accounts_result result = load(db.txn, address, &r);

	if (result != ACCOUNTS_OK)
		return within(result);
	if (str_copy(str_of(hash), r.hash, sizeof r.hash) == -1)
		return ACCOUNTS_FAULT;
	log_change("password", &r, by);
	return within(store(&r));
}

enum accounts_result accounts_ready(const char *address)
{
	struct account_record r;
	enum accounts_result result = load(db.txn, address, &r);

	if (result != ACCOUNTS_OK)
		return within(result);
	r.state = ACCOUNT_READY;
	return within(store(&r));
}

enum accounts_result accounts_delete(const char *address, struct change_by by)
{
	struct account_record r;
	MDB_val key = key_of(address);
	enum accounts_result result = load(db.txn, address, &r);

	if (result != ACCOUNTS_OK)
		return within(result);
	log_change("delete", &r, by);
	return within(result_of(mdb_del(db.txn, db.accounts, &key, NULL)));
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

int accounts_commit(void)
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
	log_change("failed", &(struct account_record){ .address = "-", .home = "-" },
	    (struct change_by){ 0 });
	(void)write_log();
	return -1;
}
