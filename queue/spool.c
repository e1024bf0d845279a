/* The spool directory. See spool.h. */
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/id.h"

#define MARKER     "thurn-spool"
#define CORRUPT    "corrupt"
#define PROBE      "probe"
#define CHECKPOINT "checkpoint"

static int root = -1, marker = -1, corrupt = -1;
/* Until one of them is made the root is in its place, which has no file of such a name. */
static atomic_int dirs[SPOOL_DIRS];
/* Whether the root says so durably. */
static _Atomic enum { IN_ROOT, NOT_SYNCED, LOST } entries[SPOOL_DIRS];
static atomic_uint lost;
static pthread_mutex_t lock =
    PTHREAD_MUTEX_INITIALIZER; /* of what is new in the root, and of its syncs */

/* --- directories ----------------------------------------------------------------------------- */

static int open_dir(const char *name)
{
	return openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int make_dir(const char *name)
{
	if (mkdirat(root, name, 0700) == -1 && errno != EEXIST)
		return -1;
	return open_dir(name);
}

static void dir_name(unsigned dir, char out[8])
{
	snprintf(out, 8, "%02x", dir);
}

static int dir_of(uint64_t id)
{
	return dirs[spool_dir_of(id)];
}

bool spool_has_dir(unsigned dir)
{
	return dirs[dir] != root;
}

/* With its first file: to make all of them would be most of the time of a first start. */
static int dir_for(uint64_t id)
{
	unsigned dir = spool_dir_of(id);
	char name[8];
	int fd;

	if (spool_has_dir(dir))
		return dirs[dir];
	dir_name(dir, name);
	pthread_mutex_lock(&lock);
	fd = spool_has_dir(dir) ? dirs[dir] : make_dir(name);
	if (fd != -1 && !spool_has_dir(dir)) {
		entries[dir] = NOT_SYNCED;
		dirs[dir] = fd;
	}
	pthread_mutex_unlock(&lock);
	return fd;
}

/*
 * All that is new. A sync that failed is not repeated, by whomever it was made: the kernel tells that once, and the
 * next one would succeed. Those directories stay ones that the next start may not find.
 */
static int sync_root(void)
{
	int r, saved;

	pthread_mutex_lock(&lock);
	r = fsync(root);
	saved = errno;
	for (unsigned i = 0; i < SPOOL_DIRS; i++) {
		if (entries[i] != NOT_SYNCED)
			continue;
		entries[i] = r == 0 ? IN_ROOT : LOST;
		lost += r != 0;
	}
	pthread_mutex_unlock(&lock);
	errno = saved;
	return r;
}

static int sync_entry(unsigned dir)
{
	if (entries[dir] == NOT_SYNCED)
		(void)sync_root();
	if (entries[dir] == IN_ROOT)
		return 0;
	errno = EIO;
	return -1;
}

bool spool_is_lost(unsigned dir)
{
	return entries[dir] == LOST;
}

unsigned spool_lost(void)
{
	return lost;
}

static int open_all(void)
{
	corrupt = make_dir(CORRUPT);
	/* whoever made the others may have been killed before it could do that */
	if (corrupt == -1 || fsync(root) == -1)
		return -1;
	for (unsigned i = 0; i < SPOOL_DIRS; i++) {
		char name[8];
		int fd;

		dir_name(i, name);
		fd = open_dir(name);
		if (fd == -1 && errno != ENOENT)
			return -1;
		dirs[i] = fd != -1 ? fd : root;
	}
	return 0;
}

int spool_open(int dir, char why[256])
{
	struct stat st;

	root = dir;
	marker = openat(root, MARKER, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (marker == -1 || fstat(marker, &st) == -1 || !S_ISREG(st.st_mode)) {
		snprintf(why, 256,
		    "there is no file \"" MARKER "\" in the spool directory: is it mounted?");
		return -1;
	}
	if (open_all() == -1) {
		snprintf(why, 256, "cannot open the spool directories: %s", strerror(errno));
		return -1;
	}
	return 0;
}

/* --- names ----------------------------------------------------------------------------------- */

unsigned spool_dir_of(uint64_t id)
{
	return id & 255;
}

void spool_name(uint64_t id, unsigned part, char out[SPOOL_NAME])
{
	id_format(id, out);
	if (part > 0)
		snprintf(out + ID_TEXT, SPOOL_NAME - ID_TEXT, ".%u", part);
}

static void trash_name(uint64_t id, int64_t when, char out[SPOOL_NAME])
{
	id_format(id, out);
	snprintf(out + ID_TEXT, SPOOL_NAME - ID_TEXT, "~%lld", (long long)when);
}

/* Decimal, without a zero before it. */
static int parse_number(struct str s, uint64_t max, uint64_t *n)
{
	return s.n > 0 && s.p[0] != '0' ? str_u64(s, max, n) : -1;
}

int spool_parse_name(struct str name, uint64_t *id, unsigned *part, int64_t *trashed)
{
	uint64_t n = 0, when = 0;

	if (name.n < ID_TEXT || id_parse(str_take(name, ID_TEXT), id) == -1)
		return -1;
	name = str_skip(name, ID_TEXT);
	if (name.n > 0 && name.p[0] == '.' &&
	    parse_number(str_skip(name, 1), SPOOL_PARTS - 1, &n) == -1)
		return -1;
	if (name.n > 0 && name.p[0] == '~' &&
	    parse_number(str_skip(name, 1), UINT32_MAX, &when) == -1)
		return -1;
	if (name.n > 0 && n == 0 && when == 0)
		return -1;
	*part = (unsigned)n;
	*trashed = (int64_t)when;
	return 0;
}

/* --- files ----------------------------------------------------------------------------------- */

int spool_open_file(uint64_t id, unsigned part, int flags)
{
	char name[SPOOL_NAME];

	spool_name(id, part, name);
	return openat(dir_of(id), name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
}

int spool_new_file(uint64_t id, unsigned part)
{
	char name[SPOOL_NAME];
	int dir = dir_for(id);

	spool_name(id, part, name);
	return dir == -1
		   ? -1
		   : openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

int spool_open_trash(uint64_t id, int64_t when, int flags)
{
	char name[SPOOL_NAME];

	trash_name(id, when, name);
	return openat(dir_of(id), name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
}

int spool_trash(uint64_t id, int64_t when)
{
	char from[SPOOL_NAME], to[SPOOL_NAME];
	int dir = dir_of(id);

	spool_name(id, 0, from);
	trash_name(id, when, to);
	return renameat(dir, from, dir, to);
}

int spool_untrash(uint64_t id, int64_t when)
{
	char from[SPOOL_NAME], to[SPOOL_NAME];
	int dir = dir_of(id);

	trash_name(id, when, from);
	spool_name(id, 0, to);
	return renameat(dir, from, dir, to);
}

int spool_remove_trash(uint64_t id, int64_t when)
{
	char name[SPOOL_NAME];

	/* an expansion without its message is removed at the next start; one that is not there may
	 * be a message that has come back, which needs its expansions */
	trash_name(id, when, name);
	if (unlinkat(dir_of(id), name, 0) == -1)
		return errno == ENOENT ? 0 : -1;
	for (unsigned part = 1; part < SPOOL_PARTS; part++) {
		spool_name(id, part, name);
		if (unlinkat(dir_of(id), name, 0) == -1)
			return errno == ENOENT ? 0 : -1;
	}
	return 0;
}

int spool_remove(uint64_t id, unsigned part)
{
	char name[SPOOL_NAME];

	spool_name(id, part, name);
	if (unlinkat(dir_of(id), name, 0) == -1 && errno != ENOENT)
		return -1;
	return 0;
}

int spool_remove_all(uint64_t id, unsigned parts)
{
	/* the message first: an expansion without its message is removed at the next start, while a
	 * message without its expansion would be expanded and delivered again */
	for (unsigned part = 0; part < parts; part++) {
		if (spool_remove(id, part) == -1)
			return -1;
	}
	return 0;
}

int spool_quarantine(uint64_t id, unsigned part)
{
	char name[SPOOL_NAME];

	spool_name(id, part, name);
	return renameat(dir_of(id), name, corrupt, name);
}

/* The time of the marker. */
int spool_last_ran(int64_t *ms)
{
	struct stat st;

	if (fstat(marker, &st) == -1)
		return -1;
	*ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	return 0;
}

int spool_ran(int64_t ms)
{
	const struct timespec ts[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 },
	};

	return futimens(marker, ts);
}

int spool_sync_dir(unsigned dir)
{
	if (dir == SPOOL_CORRUPT)
		return fsync(corrupt);
	return sync_entry(dir) == -1 ? -1 : fsync(dirs[dir]);
}

int spool_set_next(int fd, int64_t seconds, bool scheduled)
{
	const struct timespec ts[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = seconds, .tv_nsec = scheduled ? SPOOL_SCHEDULED : 0 },
	};

	return futimens(fd, ts);
}

static uint64_t stamp_of(const struct stat *st)
{
	return (uint64_t)st->st_ctim.tv_sec * 1000000000 + (uint64_t)st->st_ctim.tv_nsec;
}

uint64_t spool_stamp(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? stamp_of(&st) : 0;
}

int spool_scan(unsigned dir, bool (*fn)(void *arg, const char *name, uint64_t inode), void *arg)
{
	struct dirent *e;
	int fd, error;
	DIR *d;

	if (!spool_has_dir(dir))
		return 0;
	fd = openat(dirs[dir], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	d = fdopendir(fd);
	if (d == NULL) {
		close(fd);
		return -1;
	}
	for (errno = 0; (e = readdir(d)) != NULL; errno = 0) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (!fn(arg, e->d_name, e->d_ino))
			break;
	}
	error = errno;
	closedir(d);
	errno = error;
	return error == 0 ? 0 : -1;
}

int spool_stat(uint64_t id, unsigned part, int64_t trashed, struct spool_times *out)
{
	char name[SPOOL_NAME];
	struct stat st;

	if (trashed != 0)
		trash_name(id, trashed, name);
	else
		spool_name(id, part, name);
	if (fstatat(dir_of(id), name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
		errno = EINVAL;
		return -1;
	}
	*out = (struct spool_times){ .size = (uint64_t)st.st_size,
		.next = st.st_mtim.tv_sec,
		.scheduled = st.st_mtim.tv_nsec == SPOOL_SCHEDULED,
		.stamp = stamp_of(&st) };
	return 0;
}

int spool_space(uint64_t *bytes, uint64_t *inodes)
{
	struct statvfs v;

	if (fstatvfs(root, &v) == -1)
		return -1;
	*bytes = (uint64_t)v.f_bavail * v.f_frsize;
	/* file systems without a fixed table of inodes say 0 of 0 */
	*inodes = v.f_files == 0 ? UINT64_MAX : v.f_favail;
	return 0;
}

/* --- the volume ------------------------------------------------------------------------------- */

static int write_probe(const void *p, size_t n)
{
	int fd = openat(root, PROBE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600),
	    r = -1;

	if (fd == -1)
		return -1;
	if (pwrite(fd, p, n, 0) == (ssize_t)n)
		r = fsync(fd);
	if (close(fd) == -1)
		r = -1;
	return r;
}

/* Into memory that is aligned as O_DIRECT wants it. */
static int read_probe(void *p, size_t n)
{
	int fd = openat(root, PROBE, O_RDONLY | O_DIRECT | O_NOFOLLOW | O_CLOEXEC);
	ssize_t r;

	if (fd == -1 && errno == EINVAL)
		fd = openat(root, PROBE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	r = pread(fd, p, n, 0);
	close(fd);
	if (r != -1 && r != (ssize_t)n)
		errno = EIO;
	return r == (ssize_t)n ? 0 : -1;
}

int spool_probe(void)
{
	static _Alignas(4096) uint8_t written[4096], back[4096];
	uint64_t mark = id_random();
	int r;

	for (size_t i = 0; i < sizeof written; i++)
		written[i] = (uint8_t)(mark >> (i % 8 * 8)) ^ (uint8_t)(i >> 3);
	if (unlinkat(root, PROBE, 0) == -1 && errno != ENOENT)
		return -1;
	r = write_probe(written, sizeof written);
	if (r == 0)
		r = sync_root();
	if (r == 0)
		r = read_probe(back, sizeof back);
	if (r == 0 && memcmp(written, back, sizeof back) != 0) {
		errno = EIO;
		r = -1;
	}
	if (unlinkat(root, PROBE, 0) == -1)
		r = -1;
	return r;
}

/* --- counters of the logins ------------------------------------------------------------------- */

static int read_all(int fd, struct buf *b)
{
	enum { STEP = 64 * 1024 };
	char *room;
	ssize_t n;

	while ((room = buf_room(b, STEP)) != NULL) {
		n = read(fd, room, STEP);
		if (n <= 0)
			return n == 0 ? 0 : -1;
		b->n += (size_t)n;
	}
	errno = EFBIG;
	return -1;
}

static const struct {
	const char *name, *fresh;
} state_files[STATES] = {
	[STATE_LOGINS] = { "logins", "logins.new" },
	[STATE_SUSPENDED] = { "suspended", "suspended.new" },
	[STATE_QUIRKS] = { "quirks", "quirks.new" },
};

int spool_read_state(enum spool_file file, struct buf *b)
{
	int fd = openat(
		root, state_files[file].name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK),
	    r, saved;

	if (fd == -1)
		return -1;
	r = read_all(fd, b);
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

int spool_write_state(enum spool_file file, struct str s)
{
	const char *fresh = state_files[file].fresh;
	int fd, r;

	if (unlinkat(root, fresh, 0) == -1 && errno != ENOENT)
		return -1;
	fd = openat(root, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	for (r = 0; r == 0 && s.n > 0;) {
		ssize_t n = write(fd, s.p, s.n);

		if (n <= 0)
			r = -1;
		else
			s = str_skip(s, (size_t)n);
	}
	if (r == 0)
		r = fsync(fd);
	if (close(fd) == -1)
		r = -1;
	return r == 0 ? renameat(root, fresh, root, state_files[file].name) : -1;
}

/* --- the checkpoint --------------------------------------------------------------------------- */

int spool_checkpoint_open(void)
{
	return openat(root, CHECKPOINT, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
}

int spool_checkpoint_new(void)
{
	if (unlinkat(root, CHECKPOINT ".new", 0) == -1 && errno != ENOENT)
		return -1;
	return openat(
	    root, CHECKPOINT ".new", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

int spool_checkpoint_keep(void)
{
	return renameat(root, CHECKPOINT ".new", root, CHECKPOINT);
}
