/*
 * The LMDB environment of an account: opening, transactions, the writer lock, damage.
 *
 * Syncs. Every commit waits for its pages (fdatasync), so the file is never inconsistent. Whether
 * it also waits for the page that makes them the current state (the meta page) is said per commit:
 * without, a power cut may undo the last commits, never a part of one. Nothing that was promised
 * hangs on that: a message's own name holds its UID, and UIDs and mod-sequences go on above the
 * limits in thurn-mailbox after a reboot.
 *
 * The writer lock is an open file description lock on index/writer, taken around LMDB's own: the
 * environment may be replaced under it, and it does not depend on the state of what is replaced.
 */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "store/guard.h"

enum { READERS = 1024 }; /* 64 bytes each in the lock file */
static const size_t map_first = (size_t)1 << 30;

static const char *const dbi_names[DBI_MAX] = { "meta", "records", "files", "expunged", "envelope",
	"structure", "preview" };

static bool keyed_by_number(unsigned dbi)
{
	return dbi != DBI_META && dbi != DBI_TOMBS;
}

static bool damage(int rc)
{
	return rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND || rc == MDB_INVALID ||
	       rc == MDB_VERSION_MISMATCH || rc == MDB_CURSOR_FULL || rc == MDB_INCOMPATIBLE ||
	       rc == EBADMSG;
}

enum store_error index_error(struct store *s, int rc)
{
	if (rc == 0)
		return STORE_OK;
	if (damage(rc))
		s->damaged = true;
	if (rc == MDB_MAP_FULL || rc == MDB_TXN_FULL || rc == ENOSPC || rc == EDQUOT) {
		errno = ENOSPC;
		return STORE_NOSPACE;
	}
	errno = rc > 0 ? rc : EBADMSG;
	return STORE_IO;
}

void store_report(struct store *s, const char *event, struct str name, int error)
{
	if (s->opt.report != NULL)
		s->opt.report(s->opt.arg, event, name, error);
}

/* --- the writer lock ------------------------------------------------------------------------- */

static int lock_take(struct store *s)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int r;

	do
		r = fcntl(s->lock, F_OFD_SETLKW, &l);
	while (r == -1 && errno == EINTR);
	return r;
}

static void lock_drop(struct store *s)
{
	struct flock l = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	fcntl(s->lock, F_OFD_SETLK, &l);
}

/* --- opening --------------------------------------------------------------------------------- */

static void env_close(struct store *s)
{
	index_abort(s);
	if (s->read != NULL) {
		for (unsigned i = 0; i < STORE_ITEMS; i++)
			if (s->item[i].cursor != NULL)
				mdb_cursor_close(s->item[i].cursor);
		mdb_txn_abort(s->read);
	}
	memset(s->item, 0, sizeof s->item);
	s->read = NULL;
	s->reading = false;
	guard_clear();
	s->guarded = false;
	s->reserved = 0;
	if (s->env != NULL)
		mdb_env_close(s->env);
	s->env = NULL;
}

static int open_dbis(struct store *s, unsigned flags)
{
	MDB_txn *t;
	int rc = mdb_txn_begin(s->env, NULL, flags == 0 ? MDB_RDONLY : 0, &t);

	for (unsigned i = 0; i < DBI_MAX && rc == 0; i++)
		rc = mdb_dbi_open(
		    t, dbi_names[i], flags | (keyed_by_number(i) ? MDB_INTEGERKEY : 0), &s->dbi[i]);
	if (rc == 0)
		return mdb_txn_commit(t);
	mdb_txn_abort(t);
	return rc;
}

/* A file that was cut short would end the process at the first touch of what is missing. */
static int check_length(struct store *s)
{
	struct stat st;
	MDB_envinfo info;
	MDB_stat ms;
	int rc = mdb_env_info(s->env, &info);

	if (rc == 0)
		rc = mdb_env_stat(s->env, &ms);
	if (rc == 0 && fstatat(s->indexdir, "data.mdb", &st, AT_SYMLINK_NOFOLLOW) == -1)
		rc = errno;
	if (rc != 0)
		return rc;
	s->inode = st.st_ino;
	if (info.me_last_pgno > 1 && (uint64_t)st.st_size < (info.me_last_pgno + 1) * ms.ms_psize)
		return MDB_CORRUPTED;
	return 0;
}

static size_t map_size(struct store *s)
{
	size_t size = s->opt.map_size != 0 ? s->opt.map_size : map_first;
	struct stat st;

	if (fstatat(s->indexdir, "data.mdb", &st, AT_SYMLINK_NOFOLLOW) == -1)
		return size;
	while (size < (size_t)st.st_size * 2)
		size *= 2;
	return size;
}

static int env_open(struct store *s)
{
	char *path;
	int rc, dead;

	if (asprintf(&path, "%s/index", s->home_path) == -1)
		return ENOMEM;
	rc = mdb_env_create(&s->env);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(s->env, DBI_MAX);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(s->env, READERS);
	if (rc == 0)
		rc = mdb_env_set_mapsize(s->env, map_size(s));
	if (rc == 0)
		rc = mdb_env_open(s->env, path, MDB_NOTLS | MDB_NOMETASYNC, FILE_MODE);
	free(path);
	if (rc == 0)
		rc = check_length(s);
	if (rc == 0)
		rc = mdb_reader_check(s->env, &dead);
	if (rc == 0)
		rc = open_dbis(s, 0);
	if (rc == MDB_NOTFOUND)
		rc = open_dbis(s, MDB_CREATE);
	if (rc != 0)
		env_close(s);
	return rc;
}

/*
 * Sets the damaged environment aside, unless somebody else has done so, and opens what is there
 * then. bad is its inode, or 0 if it could not even be opened. Others notice the new inode.
 */
static int env_replace(struct store *s, uint64_t bad)
{
	struct stat st;
	int rc = 0;

	env_close(s);
	if (lock_take(s) == -1)
		return errno;
	if (guard_marked(s->indexdir))
		rc = MDB_CORRUPTED;
	else if (bad == 0)
		rc = env_open(s);
	else if (fstatat(s->indexdir, "data.mdb", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		 st.st_ino == bad)
		rc = MDB_CORRUPTED;
	if (damage(rc)) {
		unlinkat(s->indexdir, "lock.mdb", 0);
		if (renameat(s->indexdir, "data.mdb", s->indexdir, "damaged.mdb") == -1 &&
		    errno != ENOENT)
			unlinkat(s->indexdir, "data.mdb", 0);
		guard_unmark(s->indexdir);
		store_report(s, "index-rebuilt", str_of(s->home_path), 0);
		rc = 0;
	}
	if (rc == 0 && s->env == NULL)
		rc = env_open(s);
	lock_drop(s);
	s->epoch++;
	memset(s->sure, 0, sizeof s->sure); /* mailboxes have other numbers now */
	s->damaged = rc != 0;
	return rc;
}

enum store_error index_open(struct store *s)
{
	int rc;

	s->indexdir = dir_open(s->home, "index", true);
	if (s->indexdir == -1)
		return index_error(s, errno);
	s->lock =
	    openat(s->indexdir, "writer", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (s->lock == -1)
		return index_error(s, errno);
	rc = guard_marked(s->indexdir) ? MDB_CORRUPTED : env_open(s);
	if (damage(rc))
		rc = env_replace(s, 0);
	s->damaged = false;
	return index_error(s, rc);
}

void index_close(struct store *s)
{
	env_close(s);
	if (s->lock != -1)
		close(s->lock);
	if (s->indexdir != -1)
		close(s->indexdir);
}

/*
 * Opens anew if the environment is damaged, no longer the one in the directory, or useless after a
 * commit that failed: LMDB refuses everything when it could not write the meta page (MDB_PANIC),
 * though nothing is wrong with what is on the disk.
 */
static int env_current(struct store *s)
{
	struct stat st;
	int rc;

	if (s->damaged || s->env == NULL)
		return env_replace(s, s->env != NULL ? s->inode : 0);
	if (s->failed) {
		env_close(s);
		rc = env_open(s);
		if (rc != 0)
			return rc;
		s->failed = false;
	}
	if (fstatat(s->indexdir, "data.mdb", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_ino == s->inode)
		return 0;
	return env_replace(s, s->inode);
}

/* --- transactions ---------------------------------------------------------------------------- */

/*
 * Where the map is, LMDB does not say. Each page begins with its own number, so the place of one
 * value tells.
 */
static void guard(struct store *s)
{
	const uintptr_t size = 4096;
	MDB_envinfo info;
	struct str v;
	uint64_t number;
	uintptr_t page;

	if (index_get(s, DBI_META, "a", 1, &v) != 0 || mdb_env_info(s->env, &info) != 0)
		return;
	page = (uintptr_t)v.p & ~(size - 1);
	memcpy(&number, (const void *)page, sizeof number);
	if (number > info.me_last_pgno || number * size > page)
		return;
	guard_set(s->env, s->indexdir, (const void *)(page - number * size), info.me_mapsize);
	s->guarded = true;
}

static int read_begin(struct store *s)
{
	int rc;

	if (s->read != NULL)
		rc = mdb_txn_renew(s->read);
	else
		rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->read);
	return rc;
}

enum store_error index_read(struct store *s)
{
	int rc;

	if (s->write != NULL || s->reading)
		return STORE_OK;
	rc = env_current(s);
	if (rc == 0)
		rc = read_begin(s);
	if (rc == MDB_MAP_RESIZED) {
		s->guarded = false;
		rc = mdb_env_set_mapsize(s->env, 0);
		if (rc == 0)
			rc = read_begin(s);
	}
	s->reading = rc == 0;
	if (s->reading && !s->guarded)
		guard(s);
	for (unsigned i = 0; i < STORE_ITEMS && rc == 0; i++)
		s->item[i].at = s->item[i].asked = 0;
	return index_error(s, rc);
}

void index_rest(struct store *s)
{
	if (s->reading)
		mdb_txn_reset(s->read);
	s->reading = false;
}

/* Space is made before a change begins, since a change that has renamed files cannot be repeated.
 */
static int make_room(struct store *s, size_t need)
{
	MDB_envinfo info;
	int rc = mdb_env_info(s->env, &info);
	size_t used, size = info.me_mapsize;

	if (rc != 0)
		return rc;
	used = (info.me_last_pgno + 1) * 4096;
	need += (s->opt.map_size != 0 ? s->opt.map_size : map_first) / 4;
	if (used + need <= size)
		return 0;
	while (size < used + need)
		size *= 2;
	s->guarded = false; /* the map moves */
	return mdb_env_set_mapsize(s->env, size);
}

static int write_begin(struct store *s, size_t need)
{
	int rc = env_current(s);

	if (rc == 0)
		rc = make_room(s, need);
	if (rc == 0)
		rc = mdb_txn_begin(s->env, NULL, 0, &s->write);
	if (rc != MDB_MAP_RESIZED)
		return rc;
	s->guarded = false;
	rc = mdb_env_set_mapsize(s->env, 0);
	if (rc == 0)
		rc = make_room(s, need);
	return rc != 0 ? rc : mdb_txn_begin(s->env, NULL, 0, &s->write);
}

enum store_error index_write(struct store *s, size_t need)
{
	int rc;

	index_rest(s);
	if (s->damaged || s->env == NULL) {
		rc = env_current(s);
		if (rc != 0)
			return index_error(s, rc);
	}
	if (lock_take(s) == -1)
		return index_error(s, errno);
	rc = write_begin(s, need);
	s->locked = true;
	if (rc != 0) {
		s->write = NULL;
		index_abort(s);
	}
	return index_error(s, rc);
}

/* LMDB calls a short write EIO, and the usual reason is a full disk. */
static int short_write(struct store *s, int rc)
{
	const unsigned enough = 1 << 20;
	struct statfs fs;

	if (rc != EIO || fstatfs(s->indexdir, &fs) == -1)
		return rc;
	return (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize < enough ? ENOSPC : rc;
}

/*
 * Blocks for the next changes, beyond the end of the file: on a full disk no message can be added any
 * more, but flags and expunges, which make room, still can.
 */
static void reserve(struct store *s)
{
	enum { PAGE = 4096, RESERVE = 256 * 1024 };
	MDB_envinfo info;
	uint64_t end;
	int fd;

	if (mdb_env_info(s->env, &info) != 0 || mdb_env_get_fd(s->env, &fd) != 0)
		return;
	end = (info.me_last_pgno + 1) * PAGE;
	if (end + RESERVE / 2 > s->reserved &&
	    fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)end, RESERVE) == 0)
		s->reserved = end + RESERVE;
}

/* The lock is kept when this fails, until index_abort(): the caller has renames to undo. */
enum store_error index_commit(struct store *s, bool durable)
{
	int rc;

	mdb_env_set_flags(s->env, MDB_NOMETASYNC, !durable);
	rc = mdb_txn_commit(s->write);
	mdb_env_set_flags(s->env, MDB_NOMETASYNC, 1);
	s->write = NULL;
	s->failed = rc != 0;
	if (rc != 0)
		return index_error(s, short_write(s, rc));
	reserve(s);
	s->unsynced = !durable;
	s->locked = false;
	lock_drop(s);
	return STORE_OK;
}

void index_abort(struct store *s)
{
	int e = errno;

	if (s->write != NULL)
		mdb_txn_abort(s->write);
	s->write = NULL;
	if (s->locked)
		lock_drop(s);
	s->locked = false;
	errno = e;
}

enum store_error index_end(struct store *s, enum store_error e, bool durable)
{
	if (e == STORE_OK)
		e = index_commit(s, durable);
	if (e != STORE_OK)
		index_abort(s);
	return e;
}

void index_sync(struct store *s)
{
	if (s->unsynced && s->env != NULL && mdb_env_sync(s->env, 1) == 0)
		s->unsynced = false;
}

MDB_txn *index_txn(struct store *s)
{
	return s->write != NULL ? s->write : s->read;
}

/* --- values ---------------------------------------------------------------------------------- */

static MDB_val val(const void *p, size_t n)
{
	return (MDB_val){ n, (void *)(uintptr_t)p };
}

int index_get(struct store *s, unsigned dbi, const void *key, size_t nkey, struct str *out)
{
	MDB_val k = val(key, nkey), v;
	int rc = mdb_get(index_txn(s), s->dbi[dbi], &k, &v);

	if (rc == 0)
		*out = str_bytes(v.mv_data, v.mv_size);
	return rc;
}

int index_put(struct store *s, unsigned dbi, const void *key, size_t nkey, const void *p, size_t n)
{
	MDB_val k = val(key, nkey), v = val(p, n);

	return mdb_put(s->write, s->dbi[dbi], &k, &v, 0);
}

int index_del(struct store *s, unsigned dbi, const void *key, size_t nkey)
{
	MDB_val k = val(key, nkey);
	int rc = mdb_del(s->write, s->dbi[dbi], &k, NULL);

	return rc == MDB_NOTFOUND ? 0 : rc;
}
