/* Making the files of tables. See build.h. */
#include "table/build.h"

#include <db.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "table/impl.h"

enum {
	CACHE_BYTES = 64 * 1024 * 1024,
	LMDB_BATCH = 10 * 1000, /* entries in one transaction */
	TRIES = 100,
};
static const size_t lmdb_map = (size_t)64 << 30; /* address space, not memory */

struct engine {
	const char *name;
	int (*begin)(struct table_build *b, char *why);
	int (*put)(
	    struct table_build *b, struct str key, struct str value, bool replace, char *why);
	int (*del)(struct table_build *b, struct str key, char *why);
	int (*end)(struct table_build *b, bool keep, char *why);
};

struct table_build {
	const struct engine *engine;
	char *target; /* where it will be */
	char *work; /* where it is now */
	DB *db;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	unsigned batch;
	bool no_nul;
	struct arena arena; /* one entry */
};

static struct str stored(struct table_build *b, struct str s)
{
	return (struct str){ arena_z(&b->arena, s), s.n + !b->no_nul };
}

/* --- Berkeley DB ----------------------------------------------------------------------------- */

static int db_begin(struct table_build *b, DBTYPE type, char *why)
{
	int r = db_create(&b->db, NULL, 0);

	if (r != 0) {
		b->db = NULL;
		return table_why(why, "%s: %s", b->work, db_strerror(r));
	}
	b->db->set_errfile(b->db, NULL);
	b->db->set_cachesize(b->db, 0, CACHE_BYTES, 1);
	/* a flipped bit is then a failed lookup and not a wrong answer; readers need not know */
	b->db->set_flags(b->db, DB_CHKSUM);
	r = b->db->open(b->db, NULL, b->work, NULL, type, DB_CREATE | DB_EXCL, 0600);
	return r == 0 ? 0 : table_why(why, "%s: %s", b->work, db_strerror(r));
}

static int hash_begin(struct table_build *b, char *why)
{
	return db_begin(b, DB_HASH, why);
}

static int btree_begin(struct table_build *b, char *why)
{
	return db_begin(b, DB_BTREE, why);
}

static DBT dbt(struct str s)
{
	DBT d;

	memset(&d, 0, sizeof d);
	d.data = (void *)(uintptr_t)s.p;
	d.size = (u_int32_t)s.n;
	return d;
}

static int db_put(struct table_build *b, struct str key, struct str value, bool replace, char *why)
{
	DBT k = dbt(key), v = dbt(value);
	int r = b->db->put(b->db, NULL, &k, &v, DB_NOOVERWRITE);

	if (r == 0)
		return 0;
	if (r == DB_KEYEXIST && !replace)
		return 1;
	if (r == DB_KEYEXIST)
		r = b->db->put(b->db, NULL, &k, &v, 0);
	return r == 0 ? 1 : table_why(why, "%s: %s", b->work, db_strerror(r));
}

static int db_del(struct table_build *b, struct str key, char *why)
{
	DBT k = dbt(key);
	int r = b->db->del(b->db, NULL, &k, 0);

	if (r == 0)
		return 1;
	return r == DB_NOTFOUND ? 0 : table_why(why, "%s: %s", b->work, db_strerror(r));
}

static int db_end(struct table_build *b, bool keep, char *why)
{
	int r = b->db == NULL ? 0 : b->db->close(b->db, keep ? 0 : DB_NOSYNC);

	b->db = NULL;
	return r == 0 || !keep ? 0 : table_why(why, "%s: %s", b->work, db_strerror(r));
}

/* --- LMDB ------------------------------------------------------------------------------------ */

static int lmdb_why(struct table_build *b, int r, char *why)
{
	return table_why(why, "%s: %s", b->work, mdb_strerror(r));
}

static int lmdb_txn(struct table_build *b, char *why)
{
	int r = mdb_txn_begin(b->env, NULL, 0, &b->txn);

	b->batch = 0;
	if (r == 0)
		r = mdb_dbi_open(b->txn, NULL, 0, &b->dbi);
	return r == 0 ? 0 : lmdb_why(b, r, why);
}

static int lmdb_begin(struct table_build *b, char *why)
{
	int r = mdb_env_create(&b->env);

	if (r != 0) {
		b->env = NULL;
		return lmdb_why(b, r, why);
	}
	mdb_env_set_mapsize(b->env, lmdb_map);
	r = mdb_env_open(b->env, b->work, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600);
	return r == 0 ? lmdb_txn(b, why) : lmdb_why(b, r, why);
}

/* After each change: a transaction that has grown is finished and another begun. */
static int lmdb_step(struct table_build *b, int result, char *why)
{
	int r;

	if (++b->batch < LMDB_BATCH)
		return result;
	r = mdb_txn_commit(b->txn);
	b->txn = NULL;
	if (r != 0)
		return lmdb_why(b, r, why);
	return lmdb_txn(b, why) == -1 ? -1 : result;
}

static int lmdb_put(
    struct table_build *b, struct str key, struct str value, bool replace, char *why)
{
	MDB_val k = { key.n, (void *)(uintptr_t)key.p },
		v = { value.n, (void *)(uintptr_t)value.p };
	MDB_val there = v;
	int r;

	if (key.n > (size_t)mdb_env_get_maxkeysize(b->env))
		return table_why(why, "%s: a key is longer than %d bytes", b->target,
		    mdb_env_get_maxkeysize(b->env) - 1);
	r = mdb_put(b->txn, b->dbi, &k, &there, MDB_NOOVERWRITE);
	if (r == 0)
		return lmdb_step(b, 0, why);
	if (r == MDB_KEYEXIST && !replace)
		return 1;
	if (r == MDB_KEYEXIST)
		r = mdb_put(b->txn, b->dbi, &k, &v, 0);
	return r == 0 ? lmdb_step(b, 1, why) : lmdb_why(b, r, why);
}

static int lmdb_del(struct table_build *b, struct str key, char *why)
{
	MDB_val k = { key.n, (void *)(uintptr_t)key.p };
	int r = mdb_del(b->txn, b->dbi, &k, NULL);

	if (r == 0)
		return lmdb_step(b, 1, why);
	return r == MDB_NOTFOUND ? 0 : lmdb_why(b, r, why);
}

static int lmdb_end(struct table_build *b, bool keep, char *why)
{
	int r = 0;

	if (b->txn != NULL && keep)
		r = mdb_txn_commit(b->txn);
	else if (b->txn != NULL)
		mdb_txn_abort(b->txn);
	b->txn = NULL;
	if (b->env != NULL)
		mdb_env_close(b->env);
	b->env = NULL;
	return r == 0 ? 0 : lmdb_why(b, r, why);
}

static const struct engine engines[] = {
	{ "hash", hash_begin, db_put, db_del, db_end },
	{ "btree", btree_begin, db_put, db_del, db_end },
	{ "lmdb", lmdb_begin, lmdb_put, lmdb_del, lmdb_end },
};

/* --- the file -------------------------------------------------------------------------------- */

/* A name beside target that nothing has yet; the library creates the file. */
static int choose_name(struct table_build *b, char *why)
{
	const char *slash = strrchr(b->target, '/');
	int dir = slash == NULL ? 0 : (int)(slash - b->target) + 1;
	struct stat st;

	for (unsigned i = 0; i < TRIES; i++) {
		free(b->work);
		b->work = NULL;
		if (asprintf(&b->work, "%.*s.%s.new-%u-%u", dir, b->target, b->target + dir,
			(unsigned)getpid(), i) == -1)
			abort();
		if (lstat(b->work, &st) == -1)
			return errno == ENOENT ? 0
					       : table_why(why, "%s: %s", b->work, strerror(errno));
	}
	return table_why(why, "%s: no free name beside it", b->target);
}

static void release(struct table_build *b)
{
	arena_clear(&b->arena);
	free(b->target);
	free(b->work);
	free(b);
}

struct table_build *table_build_new(
    struct str type, const char *path, unsigned flags, char why[TABLE_WHY])
{
	const char *suffix = table_type_suffix(type);
	struct table_build *b;

	if (suffix == NULL) {
		table_why(why, "%.*s: not a type that is built (hash, btree, lmdb)",
		    STR_ARG(str_take(type, 40)));
		return NULL;
	}
	b = xcalloc(1, sizeof *b);
	arena_init(&b->arena);
	b->no_nul = (flags & BUILD_NO_NUL) != 0;
	if (asprintf(&b->target, "%s%s", path, suffix) == -1)
		abort();
	for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++) {
		if (str_eq(type, str_of(engines[i].name)))
			b->engine = &engines[i];
	}
	if (choose_name(b, why) == -1) {
		release(b);
		return NULL;
	}
	if (b->engine->begin(b, why) == 0)
		return b;
	table_build_abort(b);
	return NULL;
}

int table_build_put(
    struct table_build *b, struct str key, struct str value, bool replace, char why[TABLE_WHY])
{
	arena_reset(&b->arena);
	return b->engine->put(b, stored(b, key), stored(b, value), replace, why);
}

int table_build_delete(struct table_build *b, struct str key, char why[TABLE_WHY])
{
	arena_reset(&b->arena);
	return b->engine->del(b, stored(b, key), why);
}

void table_build_abort(struct table_build *b)
{
	char why[TABLE_WHY];

	if (b == NULL)
		return;
	b->engine->end(b, false, why);
	unlink(b->work);
	release(b);
}

static int sync_directory(const char *file, char *why)
{
	char *copy = xstrdup(file);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	free(copy);
	r = fd == -1 ? -1 : fsync(fd);
	if (r == -1)
		table_why(why, "%s: %s", file, strerror(errno));
	if (fd != -1)
		close(fd);
	return r;
}

int table_build_commit(struct table_build *b, mode_t mode, char why[TABLE_WHY])
{
	int fd = -1, r = b->engine->end(b, true, why);

	if (r == 0) {
		fd = open(b->work, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		if (fd == -1 || fchmod(fd, mode & 0777) == -1 || fsync(fd) == -1 ||
		    rename(b->work, b->target) == -1)
			r = table_why(why, "%s: %s", b->target, strerror(errno));
	}
	if (fd != -1)
		close(fd);
	if (r == -1) {
		table_build_abort(b);
		return -1;
	}
	r = sync_directory(b->target, why);
	release(b);
	return r;
}
