/* Confinement of a process. See sandbox.h. */
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/landlock.h"
#include "base/sanitize.h"
#include "base/seccomp.h"

static int set_limit(int what, rlim_t n)
{
	struct rlimit now;

	if (getrlimit((__rlimit_resource_t)what, &now) == -1)
		return -1;
	if (now.rlim_max != RLIM_INFINITY && n > now.rlim_max)
		n = now.rlim_max;
	return setrlimit((__rlimit_resource_t)what, &(struct rlimit){ n, n });
}

static int set_caps(uint64_t caps)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)caps, .permitted = (uint32_t)caps },
		{ .effective = (uint32_t)(caps >> 32), .permitted = (uint32_t)(caps >> 32) },
	};

	return (int)syscall(SYS_capset, &head, data);
}

static int become_user(const struct privilege *p)
{
	uid_t r, e, s;
	gid_t gr, ge, gs;

	if (p->uid == 0 || p->gid == 0) {
		errno = EINVAL;
		return -1;
	}
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1 || setgroups(0, NULL) == -1 ||
	    setresgid(p->gid, p->gid, p->gid) == -1 || setresuid(p->uid, p->uid, p->uid) == -1 ||
	    getresuid(&r, &e, &s) == -1 || getresgid(&gr, &ge, &gs) == -1)
		return -1;
	if (r != p->uid || e != p->uid || s != p->uid || gr != p->gid || ge != p->gid ||
	    gs != p->gid) {
		errno = EPERM;
		return -1;
	}
	return set_caps(p->caps | 1ull << CAP_SYS_CHROOT);
}

int sandbox_become(const struct privilege *p)
{
	if (set_limit(RLIMIT_CORE, 0) == -1 || set_limit(RLIMIT_NOFILE, p->nofile) == -1)
		return -1;
	if (p->memory != 0 && set_limit(RLIMIT_AS, p->memory) == -1)
		return -1;
	if (p->file != 0 && set_limit(RLIMIT_FSIZE, p->file) == -1)
		return -1;
	return p->root ? become_user(p) : 0;
}

/* The empty root and everything that only root could undo. */
static int confine_root(const struct privilege *p, int root_fd)
{
	int layers = LAYER_UID | LAYER_CAPS;

	if (root_fd != -1) {
		if (fchdir(root_fd) == -1 || chroot(".") == -1)
			return -1;
		layers |= LAYER_CHROOT;
	}
	if (set_caps(p->caps) == -1 || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == -1)
		return -1;
	/* whoever keeps CAP_SETUID (for setfsuid) is kept from setresuid by seccomp */
	if ((p->caps & 1ull << CAP_SETUID) == 0 && setresuid(0, 0, 0) != -1) {
		errno = EPERM;
		return -1;
	}
	return layers;
}

int sandbox_confine(const struct privilege *p, int root_fd, const struct dir_rule *dirs,
    size_t ndirs, const uint16_t *ports, size_t nports)
{
	int layers = 0, more;

	if (p->root && (layers = confine_root(p, root_fd)) == -1)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return -1;
	layers |= LAYER_NNP;
	more = landlock_confine(dirs, ndirs, ports, nports, (p->calls & CALLS_SOURCE) != 0);
	if (more == -1)
		return -1;
	layers |= more;
	sanitize_confined();
	if (seccomp_confine(p) == -1)
		return -1;
	return layers | LAYER_SECCOMP;
}

void sandbox_close_from(unsigned first)
{
	close_range(first, ~0u, 0);
}
