/* The directories of the suite. See dirs.h. */
#include "dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct suite *s, const char *what, const char *path)
{
	snprintf(s->failure, sizeof s->failure, "%s %.512s: %s", what, path, strerror(errno));
	return -1;
}

/* "" when that is the root, or path has no directory. */
static void parent_of(const char *path, char out[PATH_MAX])
{
	char *slash = str_copy(str_of(path), out, PATH_MAX) == 0 ? strrchr(out, '/') : NULL;

	*(slash != NULL ? slash : out) = '\0';
}

/*
 * 1 = made, 0 = was there, -1 = errno. Only the last component, and the one before if asked to; its
 * parent is synced.
 */
static int make_dir(const char *path, unsigned mode, bool with_parent)
{
	char parent[PATH_MAX];
	int fd;

	parent_of(path, parent);
	if (with_parent && parent[0] != '\0' && make_dir(parent, 0755, false) == -1)
		return -1;
	if (mkdir(path, mode) == -1)
		return errno == EEXIST ? 0 : -1;
	if (chmod(path, mode) == -1)
		return -1;
	if (parent[0] == '\0')
		return 1;
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd != -1) {
		fsync(fd);
		close(fd);
	}
	return 1;
}

static int make_marker(int dir, const char *name, uint32_t uid, uint32_t gid)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd == -1)
		return -1;
	if (fchown(fd, uid, gid) == -1 || fsync(fd) == -1 || fsync(dir) == -1) {
		close(fd);
		return -1;
	}
	return close(fd);
}

/* Whoever else could put something into it could be taken for a part of the suite. */
static int check_owner(struct suite *s, const struct stat *st, uint32_t uid, const char *path)
{
	if (st->st_uid != uid)
		snprintf(s->failure, sizeof s->failure, "%.512s: belongs to uid %u, not %u", path,
		    st->st_uid, uid);
	else if ((st->st_mode & 022) != 0)
		snprintf(s->failure, sizeof s->failure, "%.512s: others may write to it", path);
	else
		return 0;
	return -1;
}

static int open_directory(struct suite *s, enum dir i)
{
	const struct directory *d = &directories[i];
	bool given = s->root && d->owner != ROLE_NONE;
	uint32_t uid = given ? s->plan->roles[d->owner].uid : geteuid();
	uint32_t gid = given ? s->plan->roles[d->owner].gid : getegid();
	const char *path = s->plan->dirs[i];
	struct stat st;
	int made, fd;

	made = d->mode == 0 ? 0 : make_dir(path, d->mode, d->parent);
	if (made == -1)
		return fail(s, "cannot make", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		return fail(s, "cannot open", path);
	s->dir_fds[i] = fd;
	if (made == 1 && s->root && fchown(fd, uid, gid) == -1)
		return fail(s, "cannot give away", path);
	/* The marker is made with the directory and never later: an empty mount point has none. */
	if (made == 1 && d->marker != NULL && make_marker(fd, d->marker, uid, gid) == -1)
		return fail(s, "cannot mark", path);
	return made == 0 && d->mode != 0 ? check_owner(s, &st, uid, path) : 0;
}

static int open_root(struct suite *s, const char *run)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/empty", run);
	if (make_dir(path, 0555, false) == -1)
		return fail(s, "cannot make", path);
	s->root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->root_fd == -1 ? fail(s, "cannot open", path) : 0;
}

/* One master per run directory, for as long as it lives. */
static int lock_run(struct suite *s, const char *run)
{
	int fd = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return fail(s, "cannot open", run);
	if (check_owner(s, &st, geteuid(), run) == -1)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		snprintf(
		    s->failure, sizeof s->failure, "%.512s: the suite is running already", run);
		return -1;
	}
	return 0;
}

int dirs_open(struct suite *s)
{
	const char *run = s->plan->run;

	if (make_dir(run, 0755, false) == -1)
		return fail(s, "cannot make", run);
	if (lock_run(s, run) == -1)
		return -1;
	for (enum dir i = 0; i < DIRS; i++)
		if (open_directory(s, i) == -1)
			return -1;
	return s->root ? open_root(s, run) : 0;
}
