/*
 * An account: opening it, its sums, the names of its mailboxes. The directories in Maildir/ are the
 * truth; the index keeps their names and ids, and root.c looks again when Maildir/ has a new mtime.
 */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

enum { TICK_NS = 20 * 1000 * 1000 };

const char *store_strerror(enum store_error e)
{
	static const char *const text[STORE_ERRORS] = {
		[STORE_OK] = "success",
		[STORE_NONAME] = "this cannot be the name of a mailbox",
		[STORE_NOTFOUND] = "no such mailbox",
		[STORE_EXISTS] = "there is a mailbox of that name",
		[STORE_NOSELECT] = "this name only holds other mailboxes",
		[STORE_INUSE] = "this mailbox cannot be deleted",
		[STORE_GONE] = "no longer there",
		[STORE_UNREADABLE] = "the message cannot be read",
		[STORE_TOOBIG] = "the message is too large",
		[STORE_LIMIT] = "there are too many of them",
		[STORE_OVERQUOTA] = "the mailbox quota is used up",
		[STORE_NOSPACE] = "the disk is full",
		[STORE_IO] = "the mail store has a problem, try again later",
	};

	return e < STORE_ERRORS && text[e] != NULL ? text[e] : "unknown error";
}

/* --- head ------------------------------------------------------------------------------------ */

static const char account_key[1] = "a";

int account_get(struct store *s, struct account *a)
{
	struct str v;
	int rc = index_get(s, DBI_META, account_key, sizeof account_key, &v);

	memset(a, 0, sizeof *a);
	if (rc != 0)
		return rc;
	if (v.n != sizeof *a)
		return MDB_VERSION_MISMATCH;
	memcpy(a, v.p, sizeof *a);
	return a->format == ACCOUNT_FORMAT ? 0 : MDB_VERSION_MISMATCH;
}

int account_put(struct store *s, const struct account *a)
{
	return index_put(s, DBI_META, account_key, sizeof account_key, a, sizeof *a);
}

static bool root_same(const struct account *a, const struct stat *st)
{
	return st->st_ino == a->root_inode && time_ns(&st->st_mtim) == a->root_time;
}

bool account_root_known(struct store *s)
{
	struct account a;
	struct stat st;

	return account_get(s, &a) == 0 && fstat(s->maildir, &st) == 0 && root_same(&a, &st);
}

enum store_error account_root_mark(struct store *s, bool known)
{
	struct account a;
	struct stat st;
	int rc;

	if (!known)
		return STORE_OK;
	rc = account_get(s, &a);
	if (rc == 0 && fstat(s->maildir, &st) == -1)
		rc = errno;
	a.root_time = time_ns(&st.st_mtim);
	a.root_inode = st.st_ino;
	a.root_checked = a.root_time + TICK_NS; /* what it was before is known: no doubt */
	return index_error(s, rc != 0 ? rc : account_put(s, &a));
}

/* --- names ----------------------------------------------------------------------------------- */

struct name_key {
	char p[1 + FOLDER_BYTES];
	size_t n;
};

static struct name_key name_key(struct str name)
{
	struct name_key k = { .n = 1 + name.n };

	k.p[0] = 'n';
	memcpy(k.p + 1, name.p, name.n);
	return k;
}

int account_name_get(struct store *s, struct str name, uint32_t *id)
{
	struct name_key k = name_key(name);
	struct str v;
	int rc = index_get(s, DBI_META, k.p, k.n, &v);

	if (rc == 0 && v.n != sizeof *id)
		rc = MDB_CORRUPTED;
	if (rc == 0)
		memcpy(id, v.p, sizeof *id);
	return rc;
}

int account_name_put(struct store *s, struct str name, uint32_t id)
{
	struct name_key k = name_key(name);

	return index_put(s, DBI_META, k.p, k.n, &id, sizeof id);
}

int account_name_del(struct store *s, struct str name)
{
	struct name_key k = name_key(name);

	return index_del(s, DBI_META, k.p, k.n);
}

enum store_error account_each(struct store *s,
    enum store_error (*fn)(struct store *s, uint32_t id, struct str name, void *arg), void *arg)
{
	enum store_error e = STORE_OK;
	MDB_val k = { 1, (void *)(uintptr_t) "n" }, v;
	MDB_cursor *c;
	uint32_t id;
	int rc = mdb_cursor_open(index_txn(s), s->dbi[DBI_META], &c);

	if (rc != 0)
		return index_error(s, rc);
	rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
	for (; rc == 0 && e == STORE_OK; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
		if (k.mv_size < 1 || *(const char *)k.mv_data != 'n')
			break;
		if (v.mv_size != sizeof id) {
			rc = MDB_CORRUPTED;
			break;
		}
		memcpy(&id, v.mv_data, sizeof id);
		e = fn(s, id, str_bytes((const char *)k.mv_data + 1, k.mv_size - 1), arg);
	}
	mdb_cursor_close(c);
	return e != STORE_OK || rc == 0 || rc == MDB_NOTFOUND ? e : index_error(s, rc);
}

struct below {
	struct str name;
	bool found;
};

static enum store_error find_below(struct store *s, uint32_t id, struct str name, void *arg)
{
	struct below *b = arg;

	(void)s;
	(void)id;
	b->found |= folder_below(name, b->name);
	return STORE_OK;
}

enum store_error account_find(struct store *s, struct str name, uint32_t *id)
{
	struct folder f;
	struct below b;
	int rc;

	if (folder_from_name(name, false, &f) == -1)
		return STORE_NONAME;
	rc = account_name_get(s, folder_name(&f), id);
	if (rc == 0)
		return STORE_OK;
	if (rc != MDB_NOTFOUND)
		return index_error(s, rc);
	b = (struct below){ folder_name(&f), false };
	account_each(s, find_below, &b);
	return b.found ? STORE_NOSELECT : STORE_NOTFOUND;
}

/* --- up to date ------------------------------------------------------------------------------- */

enum store_error account_sync(struct store *s)
{
	struct account a;
	struct stat st;
	enum store_error e = index_read(s);
	int rc;

	if (e != STORE_OK)
		return e;
	rc = account_get(s, &a);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return index_error(s, rc);
	if (fstat(s->maildir, &st) == -1)
		return index_error(s, errno);
	if (rc == 0 && root_same(&a, &st) && (int64_t)(a.root_checked - a.root_time) >= TICK_NS)
		return STORE_OK;
	e = index_write(s, 0);
	if (e != STORE_OK)
		return e;
	e = index_end(s, account_scan(s), false);
	return e == STORE_OK ? index_read(s) : e;
}

/* --- opening --------------------------------------------------------------------------------- */

static int64_t boot_time(void)
{
	struct timespec real, boot;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return ((int64_t)real.tv_sec - boot.tv_sec) * 1000 +
	       (real.tv_nsec - boot.tv_nsec) / 1000000;
}

static enum store_error open_all(struct store *s, const char *home)
{
	s->home = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->home == -1)
		return index_error(s, errno);
	s->maildir = dir_open(s->home, "Maildir", true);
	if (s->maildir == -1)
		return index_error(s, errno);
	s->tmp = dir_open(s->maildir, "tmp", true);
	if (s->tmp == -1)
		return index_error(s, errno);
	return index_open(s);
}

enum store_error store_open(
    const char *home, const struct store_options *options, struct store **out)
{
	struct store *s = xcalloc(1, sizeof *s);
	enum store_error e;
	int err;

	*out = NULL;
	if (options != NULL)
		s->opt = *options;
	if (s->opt.gone_keep == 0)
		s->opt.gone_keep = 7 * 24 * 3600;
	s->home_path = xstrdup(home);
	s->home = s->maildir = s->indexdir = s->tmp = s->lock = -1;
	s->boot = boot_time();
	arena_init(&s->list);
	arena_init(&s->scratch);
	arena_init(&s->copied);
	item_init(s);
	syncer_init(&s->sync);
	e = open_all(s, home);
	if (e == STORE_OK)
		e = account_sync(s);
	if (e != STORE_OK && s->damaged)
		e = account_sync(s);
	index_rest(s);
	if (e == STORE_OK) {
		*out = s;
		return STORE_OK;
	}
	err = errno;
	store_close(s);
	errno = err;
	return e;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	syncer_clear(&s->sync);
	index_close(s);
	if (s->home != -1)
		close(s->home);
	if (s->maildir != -1)
		close(s->maildir);
	if (s->tmp != -1)
		close(s->tmp);
	arena_clear(&s->list);
	arena_clear(&s->scratch);
	arena_clear(&s->copied);
	buf_clear(&s->pending);
	free(s->home_path);
	free(s);
}

void store_rest(struct store *s)
{
	index_rest(s);
}

enum store_error store_usage(struct store *s, struct store_usage *out)
{
	struct account a;
	enum store_error e;
	int rc;

	memset(out, 0, sizeof *out);
	index_rest(s);
	e = index_read(s);
	if (e != STORE_OK)
		return e;
	rc = account_get(s, &a);
	*out =
	    (struct store_usage){ a.bytes, a.messages, s->opt.quota_bytes, s->opt.quota_messages };
	return index_error(s, rc);
}
