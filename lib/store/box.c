/*
 * One mailbox: its header and names in the index, its directories, its text file, and the two
 * brackets (enter, leave) around every change.
 */
#include "store/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	/* Kernels before 6.13 stamp files with a clock that ticks this coarsely, at worst. */
	TICK_NS = 20 * 1000 * 1000,
	/* Two starts of the machine are further apart; a corrected clock is seldom. */
	BOOT_SLACK_MS = 2000,
};

uint64_t time_ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_nsec;
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME_COARSE, &t);
	return time_ns(&t);
}

int dir_open(int dir, const char *name, bool make)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof how);

	if (fd != -1 || errno != ENOENT || !make)
		return fd;
	if (mkdirat(dir, name, DIR_MODE) == -1 && errno != EEXIST)
		return -1;
	if (fsync(dir) == -1)
		return -1;
	return (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
}

void box_init(struct box *b)
{
	memset(b, 0, sizeof *b);
	arena_init(&b->arena);
	b->dir = b->cur = b->new = b->tmp = b->gone = -1;
}

static void close_dirs(struct box *b)
{
	int *fds[] = { &b->dir, &b->cur, &b->new, &b->tmp, &b->gone };

	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
		if (*fds[i] != -1)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

void box_clear(struct box *b)
{
	close_dirs(b);
	arena_clear(&b->arena);
}

/* --- header ---------------------------------------------------------------------------------- */

static void meta_key(char kind, uint32_t id, uint8_t key[5])
{
	key[0] = (uint8_t)kind;
	for (int i = 0; i < 4; i++)
		key[1 + i] = (uint8_t)(id >> (24 - 8 * i));
}

static int head_get(struct store *s, uint32_t id, struct box *b)
{
	uint8_t key[5];
	struct str v;
	int rc;

	meta_key('b', id, key);
	rc = index_get(s, DBI_META, key, sizeof key, &v);
	if (rc != 0)
		return rc;
	if (v.n != sizeof b->head)
		return MDB_CORRUPTED;
	memcpy(&b->head, v.p, sizeof b->head);
	b->had_disk = b->head.disk;
	b->had_messages = b->head.messages;
	b->touched = false;
	return 0;
}

/* name NUL directory NUL keyword NUL keyword NUL ... */
static int info_get(struct store *s, struct box *b)
{
	uint8_t key[5];
	struct str v, name, dir;
	int rc;

	meta_key('i', b->head.id, key);
	rc = index_get(s, DBI_META, key, sizeof key, &v);
	if (rc != 0)
		return rc;
	if (!str_cut(&v, '\0', &name) || !str_cut(&v, '\0', &dir) ||
	    str_copy(name, b->folder.name, sizeof b->folder.name) == -1 ||
	    str_copy(dir, b->folder.dir, sizeof b->folder.dir) == -1)
		return MDB_CORRUPTED;
	b->folder.nname = name.n;
	b->folder.ndir = dir.n;
	memset(b->keywords, 0, sizeof b->keywords);
	b->nkeywords = 0;
	arena_reset(&b->arena);
	for (uint32_t i = 0; i < STORE_KEYWORDS_MAX && str_cut(&v, '\0', &name); i++) {
		if (name.n == 0)
			continue;
		b->keywords[i] = arena_str(&b->arena, name);
		b->nkeywords = i + 1;
	}
	return 0;
}

enum store_error box_load(struct store *s, uint32_t id, struct box *b)
{
	int rc = head_get(s, id, b);

	if (rc == 0)
		rc = info_get(s, b);
	return rc == MDB_NOTFOUND ? STORE_GONE : index_error(s, rc);
}

enum store_error box_reload(struct store *s, struct box *b)
{
	uint32_t version = b->head.version;
	uint64_t object = b->head.object;
	int rc = head_get(s, b->head.id, b);

	if (rc == MDB_NOTFOUND || (rc == 0 && b->head.object != object))
		return STORE_GONE;
	if (rc == 0 && b->head.version != version)
		rc = info_get(s, b);
	return index_error(s, rc);
}

enum store_error box_save(struct store *s, struct box *b)
{
	struct account a;
	uint8_t key[5];
	int rc = 0;

	meta_key('b', b->head.id, key);
	if (b->head.disk != b->had_disk || b->head.messages != b->had_messages) {
		rc = account_get(s, &a);
		a.bytes += b->head.disk - b->had_disk;
		a.messages += b->head.messages - b->had_messages;
		if (rc == 0)
			rc = account_put(s, &a);
	}
	b->had_disk = b->head.disk;
	b->had_messages = b->head.messages;
	if (rc == 0)
		rc = index_put(s, DBI_META, key, sizeof key, &b->head, sizeof b->head);
	return index_error(s, rc);
}

enum store_error box_save_info(struct store *s, struct box *b)
{
	struct buf v;
	uint8_t key[5];
	int rc;

	buf_init(&v, BOXFILE_MAX);
	buf_put(&v, b->folder.name, b->folder.nname + 1);
	buf_put(&v, b->folder.dir, b->folder.ndir + 1);
	for (uint32_t i = 0; i < b->nkeywords; i++) {
		buf_str(&v, b->keywords[i]);
		buf_char(&v, '\0');
	}
	b->head.version++;
	meta_key('i', b->head.id, key);
	rc = index_put(s, DBI_META, key, sizeof key, v.p, v.n);
	buf_clear(&v);
	return rc != 0 ? index_error(s, rc) : box_save(s, b);
}

void box_count(struct box *b, const struct store_msg *m, int sign)
{
	struct box_head *h = &b->head;
	uint32_t one = sign > 0 ? 1 : UINT32_MAX; /* adds 1 or -1 */

	h->messages += one;
	if (!(m->flags & STORE_SEEN))
		h->unseen += one;
	if (m->flags & STORE_DELETED)
		h->deleted += one;
	if (m->flags & RECORD_DIRTY)
		h->dirty += one;
	if (m->uid >= h->recent_uid)
		h->recent += one;
	h->size += sign > 0 ? m->size : -(uint64_t)m->size;
	h->disk += sign > 0 ? m->disk : -(uint64_t)m->disk;
}

/* --- directories ----------------------------------------------------------------------------- */

static int sub_open(struct box *b, const char *name, int *fd)
{
	if (*fd == -1)
		*fd = dir_open(b->dir, name, true);
	return *fd == -1 ? -1 : 0;
}

enum store_error box_open(struct store *s, struct box *b)
{
	char path[FOLDER_BYTES + 2];

	if (b->tmp != -1)
		return STORE_OK;
	snprintf(path, sizeof path, "%s%s", b->folder.ndir > 0 ? "." : "", b->folder.dir);
	if (b->dir == -1)
		b->dir = dir_open(s->maildir, b->folder.ndir > 0 ? path : ".", false);
	if (b->dir == -1)
		return errno == ENOENT ? STORE_GONE : STORE_IO;
	if (sub_open(b, "cur", &b->cur) == -1 || sub_open(b, "new", &b->new) == -1 ||
	    sub_open(b, "tmp", &b->tmp) == -1)
		return errno == ENOSPC || errno == EDQUOT ? STORE_NOSPACE : STORE_IO;
	return STORE_OK;
}

enum store_error box_open_gone(struct box *b)
{
	if (sub_open(b, "gone", &b->gone) == 0)
		return STORE_OK;
	return errno == ENOSPC || errno == EDQUOT ? STORE_NOSPACE : STORE_IO;
}

/* --- text file ------------------------------------------------------------------------------- */

int box_read_file(int dir, struct arena *a, struct boxfile *f)
{
	char text[BOXFILE_MAX + 1];
	ssize_t n;
	int fd = openat(dir, BOXFILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1)
		return -1;
	n = read(fd, text, sizeof text);
	close(fd);
	if (n == -1)
		return -1;
	if (boxfile_parse(str_bytes(text, (size_t)n), a, f) == 0)
		return 0;
	errno = EBADMSG;
	return -1;
}

int file_replace(int tmp, int dir, const char *name, struct str text)
{
	char unique[MSGNAME_NEW];
	bool good;
	int e, fd;

	msgname_unique(unique);
	fd = openat(tmp, unique, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (fd == -1)
		return -1;
	errno = EIO;
	good = write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0;
	e = errno;
	if (close(fd) == -1 && good) {
		e = errno;
		good = false;
	}
	if (good && renameat(tmp, unique, dir, name) == 0)
		return fsync(dir);
	if (good)
		e = errno;
	unlinkat(tmp, unique, 0);
	errno = e;
	return -1;
}

enum store_error box_write_file(struct store *s, struct box *b)
{
	struct boxfile f = {
		.id = b->head.object,
		.uidvalidity = b->head.uidvalidity,
		.uidfloor = b->head.uidfloor,
		.modseqceiling = b->head.modseqceiling,
		.use = b->head.use,
	};
	struct buf text;
	bool root = b->folder.ndir == 0, known;
	enum store_error e = box_open(s, b);
	int r;

	if (e != STORE_OK)
		return e;
	memcpy(f.keywords, b->keywords, sizeof f.keywords);
	buf_init(&text, BOXFILE_MAX);
	boxfile_format(&f, &text);
	known = root && account_root_known(s);
	r = text.full ? -1 : file_replace(b->tmp, b->dir, BOXFILE_NAME, buf_view(&text));
	buf_clear(&text);
	if (r == -1)
		return index_error(s, errno);
	return root ? account_root_mark(s, known) : STORE_OK;
}

enum store_error box_reserve(struct store *s, struct box *b, uint32_t n)
{
	struct box_head *h = &b->head;

	if (n > UINT32_MAX - UID_BLOCK - h->uidnext)
		return STORE_LIMIT;
	if (h->uidnext + n <= h->uidfloor && h->modseq + 16 <= h->modseqceiling)
		return STORE_OK;
	if (h->uidnext + n > h->uidfloor)
		h->uidfloor = h->uidnext + n + UID_BLOCK;
	if (h->modseq + 16 > h->modseqceiling)
		h->modseqceiling = h->modseq + MODSEQ_BLOCK;
	return box_write_file(s, b);
}

/* --- keywords -------------------------------------------------------------------------------- */

static int find_keyword(const struct box *b, struct str name)
{
	for (uint32_t i = 0; i < b->nkeywords; i++)
		if (b->keywords[i].n > 0 && str_caseeq(b->keywords[i], name))
			return (int)i;
	return -1;
}

static int add_keyword(struct box *b, struct str name)
{
	for (uint32_t i = 0; i < STORE_KEYWORDS_MAX; i++) {
		if (b->keywords[i].n > 0)
			continue;
		b->keywords[i] = arena_str(&b->arena, name);
		if (b->nkeywords <= i)
			b->nkeywords = i + 1;
		return (int)i;
	}
	return -1;
}

/* What is in memory is not what is in the index: box_reload() will read it again. */
static enum store_error forget_info(struct box *b, enum store_error e)
{
	b->head.version = UINT32_MAX;
	return e;
}

enum store_error box_keywords(
    struct store *s, struct box *b, const struct str *names, size_t n, bool create, uint64_t *mask)
{
	enum store_error e = STORE_OK;
	bool added = false;
	int bit;

	*mask = 0;
	for (size_t i = 0; i < n; i++) {
		bit = find_keyword(b, names[i]);
		if (bit == -1 && create) {
			bit = boxfile_keyword(names[i]) ? add_keyword(b, names[i]) : -1;
			added = true;
			if (bit == -1)
				return forget_info(b, STORE_LIMIT);
		}
		if (bit != -1)
			*mask |= UINT64_C(1) << bit;
	}
	if (!added)
		return STORE_OK;
	e = box_write_file(s, b);
	if (e == STORE_OK)
		e = box_save_info(s, b);
	return e == STORE_OK ? e : forget_info(b, e);
}

/* --- enter and leave ------------------------------------------------------------------------- */

bool box_rebooted(const struct store *s, const struct box *b)
{
	int64_t d = s->boot - b->head.boot;

	return d > BOOT_SLACK_MS || d < -BOOT_SLACK_MS;
}

static bool same(const struct stat *st, uint64_t inode, uint64_t mtime)
{
	return st->st_ino == inode && time_ns(&st->st_mtim) == mtime;
}

/* new/ may hold something although its mtime is the one we know: it was looked at too early. */
static bool tick_doubt(const struct box *b)
{
	return (int64_t)(b->head.new_checked - b->head.new_time) < TICK_NS;
}

enum store_error box_enter(struct store *s, struct box *b)
{
	struct stat cur, new;
	enum store_error e = box_reload(s, b);

	if (e == STORE_OK)
		e = box_open(s, b);
	if (e != STORE_OK)
		return e;
	if (fstat(b->cur, &cur) == -1 || fstat(b->new, &new) == -1)
		return index_error(s, errno);
	if (b->head.fresh || box_rebooted(s, b) || !same(&cur, b->head.cur_inode, b->head.cur_time))
		return scan_all(s, b);
	if (!same(&new, b->head.new_inode, b->head.new_time) || tick_doubt(b))
		return scan_new(s, b);
	return STORE_OK;
}

enum store_error box_leave(struct store *s, struct box *b)
{
	struct stat st;

	if (b->touched) {
		if (fstat(b->cur, &st) == -1)
			return index_error(s, errno);
		b->head.cur_inode = st.st_ino;
		b->head.cur_time = time_ns(&st.st_mtim);
		b->touched = false;
	}
	return box_save(s, b);
}

static int stat_sub(struct store *s, const struct box *b, const char *sub, int fd, struct stat *st)
{
	char path[FOLDER_BYTES + 16];

	if (fd != -1)
		return fstat(fd, st);
	if (b->folder.ndir == 0)
		return fstatat(s->maildir, sub, st, AT_SYMLINK_NOFOLLOW);
	snprintf(path, sizeof path, ".%s/%s", b->folder.dir, sub);
	return fstatat(s->maildir, path, st, AT_SYMLINK_NOFOLLOW);
}

/* Anything in new/? Asked without the lock, so that doubt costs no change. */
static bool new_empty(struct store *s, const struct box *b)
{
	char path[FOLDER_BYTES + 16];
	struct dirent *e;
	DIR *d;
	int fd;

	snprintf(path, sizeof path, "%s%s%snew", b->folder.ndir > 0 ? "." : "", b->folder.dir,
	    b->folder.ndir > 0 ? "/" : "");
	fd = b->new != -1 ? dir_open(b->new, ".", false) : dir_open(s->maildir, path, false);
	d = fd == -1 ? NULL : fdopendir(fd);
	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return false;
	}
	do
		e = readdir(d);
	while (e != NULL && e->d_name[0] == '.');
	closedir(d);
	return e == NULL;
}

/*
 * True if new/ must be listed because of a doubt, and has something in it. Once enough time has
 * passed and it was empty, that is remembered: a new/ that was large is slow to list.
 */
static bool doubtful(struct store *s, const struct box *b)
{
	struct sure *sure = &s->sure[b->head.id % STORE_SURE];

	if (!tick_doubt(b) || (sure->id == b->head.id && sure->new_time == b->head.new_time))
		return false;
	if (!new_empty(s, b))
		return true;
	if ((int64_t)(now_ns() - b->head.new_time) > TICK_NS)
		*sure = (struct sure){ b->head.id, b->head.new_time };
	return false;
}

static bool needs_sync(struct store *s, const struct box *b, bool all)
{
	struct stat st;

	if (b->head.fresh || box_rebooted(s, b) || stat_sub(s, b, "new", b->new, &st) == -1 ||
	    !same(&st, b->head.new_inode, b->head.new_time) || doubtful(s, b))
		return true;
	if (!all)
		return false;
	return stat_sub(s, b, "cur", b->cur, &st) == -1 ||
	       !same(&st, b->head.cur_inode, b->head.cur_time);
}

/* Nobody has seen these as recent: now somebody has. */
static void claim_recent(struct box *b)
{
	if (b->claimed_to == 0)
		b->claimed_from = b->head.recent_uid;
	b->claimed_to = b->head.uidnext;
	b->head.recent_uid = b->head.uidnext;
	b->head.recent = 0;
}

enum store_error box_sync(struct store *s, struct box *b, bool all)
{
	enum store_error e;

	if (!needs_sync(s, b, all))
		return STORE_OK;
	index_rest(s);
	e = index_write(s, 0);
	if (e != STORE_OK)
		return e;
	e = box_enter(s, b);
	if (e == STORE_OK && b->claim && b->head.recent > 0)
		claim_recent(b);
	if (e == STORE_OK)
		e = box_leave(s, b);
	e = index_end(s, e, false);
	if (e != STORE_OK)
		b->claimed_from = b->claimed_to = 0;
	return e;
}
