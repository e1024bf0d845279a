/*
 * Homes of accounts. See home.h.
 *
 * A tree is made as root's first, synced, and then given to its owner from the leaves up, so that
 * whoever finds the home to be the owner's knows that it is complete; a try that was cut short is
 * completed by the next one. Every name is opened beneath its parent, and never through a link.
 */
#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/grant.h"

bool home_valid(struct str home)
{
	struct str part;
	unsigned parts = 0;

	if (home.n == 0 || home.n > HOME_MAX)
		return false;
	while (str_cut(&home, '/', &part)) {
		if (++parts > 2 || part.n == 0 || part.p[0] == '.')
			return false;
		for (size_t i = 0; i < part.n; i++)
			if (!(part.p[i] >= 'a' && part.p[i] <= 'z') && !ascii_digit(part.p[i]) &&
			    (part.p[i] == '\0' || strchr("._+-%~", part.p[i]) == NULL))
				return false;
	}
	return parts == 2;
}

bool owner_valid(const struct owners *o, uint32_t uid, uint32_t gid)
{
	if (!o->root)
		return uid == geteuid() && gid == getegid();
	return uid >= o->least && uid <= o->most && gid >= o->least && gid <= o->most;
}

static int open_beneath(int dir, const char *name, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
}

/*
 * Makes one directory if it is not there. 1 with *fd open for reading: it is still this process's
 * and may be filled; 0: it is `uid`'s already; -1 with errno: neither.
 */
static int enter(int parent, const char *name, mode_t mode, uint32_t uid, int *fd)
{
	struct stat st;

	if (mkdirat(parent, name, mode) == -1 && errno != EEXIST)
		return -1;
	*fd = open_beneath(parent, name, O_PATH);
	if (*fd == -1)
		return -1;
	if (fstat(*fd, &st) == -1 || (st.st_uid != uid && st.st_uid != geteuid())) {
		close(*fd);
		errno = EPERM;
		return -1;
	}
	close(*fd);
	if (st.st_uid != geteuid())
		return 0;
	*fd = open_beneath(parent, name, O_RDONLY);
	return *fd == -1 ? -1 : 1;
}

static int give(int fd, uint32_t uid, uint32_t gid)
{
	return uid == geteuid() ? 0 : fchown(fd, uid, gid);
}

/* Maildir/{tmp,new,cur}. All the syncs come last: the first of them does most of the work. */
static int fill_maildir(int maildir, uint32_t uid, uint32_t gid)
{
	static const char *const names[] = { "tmp", "new", "cur" };
	int fds[3] = { -1, -1, -1 }, result = 0;

	for (unsigned i = 0; i < 3 && result != -1; i++) {
		result = enter(maildir, names[i], 0700, uid, &fds[i]);
		if (result == 1)
			result = give(fds[i], uid, gid);
		else
			fds[i] = -1; /* theirs already, or a fault */
	}
	if (result != -1)
		result = give(maildir, uid, gid);
	for (unsigned i = 0; i < 3; i++) {
		if (fds[i] == -1)
			continue;
		if (result != -1)
			result = fsync(fds[i]);
		close(fds[i]);
	}
	return result == -1 ? -1 : fsync(maildir);
}

static int fill_home(int home, uint32_t uid, uint32_t gid)
{
	int fd, r = enter(home, "Maildir", 0700, uid, &fd);

	if (r == 1) {
		r = fill_maildir(fd, uid, gid);
		close(fd);
	}
	if (r == -1 || fsync(home) == -1 || give(home, uid, gid) == -1)
		return -1;
	return fsync(home);
}

static int make_below(int domain, const char *name, uint32_t uid, uint32_t gid)
{
	int fd, r = enter(domain, name, 0700, uid, &fd);

	if (r == 1) {
		r = fill_home(fd, uid, gid);
		close(fd);
	}
	if (r == -1)
		return -1;
	return fsync(domain);
}

int home_make(int mail_fd, const struct owners *o, struct str home, uint32_t uid, uint32_t gid,
    struct status *st)
{
	char path[HOME_MAX + 1], *slash;
	int domain = -1, r;

	if (!home_valid(home) || !owner_valid(o, uid, gid) ||
	    str_copy(home, path, sizeof path) == -1)
		return status_set(st, 554, "5.3.5", "that home or owner is not allowed");
	slash = strchr(path, '/');
	*slash = '\0';
	r = enter(mail_fd, path, 0711, geteuid(), &domain);
	if (r == 1) {
		r = fsync(mail_fd) == -1 ? -1 : make_below(domain, slash + 1, uid, gid);
		close(domain);
	}
	if (r == -1)
		return status_set(st, 451, "4.3.0", "the home %.*s could not be made: %s",
		    STR_ARG(home), strerror(errno));
	status_set(st, 250, "2.0.0", "made");
	return 0;
}

int home_open(int mail_fd, struct str home, uint32_t uid)
{
	char path[HOME_MAX + 1];
	struct stat st;
	int fd;

	if (!home_valid(home) || str_copy(home, path, sizeof path) == -1) {
		errno = EINVAL;
		return -1;
	}
	fd = open_beneath(mail_fd, path, O_PATH);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 || st.st_uid != uid) {
		close(fd);
		errno = EPERM;
		return -1;
	}
	return fd;
}
