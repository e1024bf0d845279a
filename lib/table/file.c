/* Opening the files of tables. See file.h. */
#include "table/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "table/impl.h"

bool table_file_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/*
 * What others may write, others may use to send mail anywhere. A group may write when it is the
 * owner's private group (umask 002).
 */
static bool trusted(const struct stat *st, uid_t owner)
{
	if ((st->st_mode & S_IWOTH) != 0)
		return false;
	if ((st->st_mode & S_IWGRP) != 0 && st->st_gid != (gid_t)st->st_uid)
		return false;
	/* who the process was started as; asking the kernel now may be outside of a sandbox */
	return st->st_uid == 0 || st->st_uid == (uid_t)getauxval(AT_EUID) || st->st_uid == owner;
}

static int open_anywhere(int dir, const char *path, struct stat *st, char *why)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd == -1)
		return table_why(why, "%s: %s", path, strerror(errno));
	if (fstat(fd, st) == -1 || S_ISDIR(st->st_mode)) {
		close(fd);
		errno = EISDIR;
		return table_why(why, "%s: not a file", path);
	}
	return fd;
}

/* One step down. `last`: the file itself, which may be a link within the directory. */
static int step(int at, const char *name, bool last, uid_t owner, struct stat *st, char *why)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int fd = openat(at, name, last ? flags : flags | O_DIRECTORY | O_NOFOLLOW);

	if (fd == -1)
		return table_why(why, "%s: %s", name, strerror(errno));
	if (fstat(fd, st) == -1) {
		table_why(why, "%s: %s", name, strerror(errno));
	} else if (last && !S_ISREG(st->st_mode)) {
		errno = EINVAL;
		table_why(why, "%s: not a regular file", name);
	} else if (!trusted(st, owner)) {
		errno = EPERM;
		table_why(why, "%s: may be changed by others (mode %04o, owner %u)", name,
		    (unsigned)st->st_mode & 07777u, (unsigned)st->st_uid);
	} else {
		return fd;
	}
	close(fd);
	return -1;
}

int table_file_open(int dir, const char *path, bool anywhere, struct stat *st, char why[TABLE_WHY])
{
	struct str rest = str_of(path), part;
	char name[256];
	struct stat top;
	int at = dir, fd;

	if (anywhere)
		return open_anywhere(dir, path, st, why);
	if (fstat(dir, &top) == -1)
		return table_why(why, "table directory: %s", strerror(errno));
	if (!trusted(&top, top.st_uid)) {
		errno = EPERM;
		return table_why(why, "the table directory may be changed by others (mode %04o)",
		    (unsigned)top.st_mode & 07777u);
	}
	while (str_cut(&rest, '/', &part)) {
		if (part.n == 0 || str_eq(part, STR("..")) ||
		    str_copy(part, name, sizeof name) == -1) {
			errno = EINVAL;
			table_why(why, "%s: not a name below the table directory", path);
			fd = -1;
		} else {
			fd = step(at, name, rest.p == NULL, top.st_uid, st, why);
		}
		if (at != dir)
			close(at);
		if (fd == -1)
			return -1;
		at = fd;
	}
	return at;
}

int table_file_read(int fd, size_t max, struct buf *b, char why[TABLE_WHY])
{
	struct stat before, after;
	size_t room;
	char *to;
	ssize_t n;

	buf_init(b, max);
	if (fstat(fd, &before) == -1)
		return table_why(why, "%s", strerror(errno));
	do {
		room = max - b->n < 65536 ? max - b->n : 65536;
		to = buf_room(b, room);
		n = pread(fd, to, room, (off_t)b->n);
		if (n > 0)
			b->n += (size_t)n;
	} while (n > 0 && b->n < max);
	if (n == -1) {
		buf_clear(b);
		return table_why(why, "%s", strerror(errno));
	}
	if (b->n >= max) {
		buf_clear(b);
		errno = EFBIG;
		return table_why(why, "longer than %zu bytes", max - 1);
	}
	if (fstat(fd, &after) == -1 || !table_file_same(&before, &after)) {
		buf_clear(b);
		errno = EAGAIN;
		return table_why(why, "was changed while it was read");
	}
	return 0;
}
