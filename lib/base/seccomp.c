/*
 * The allow-list of system calls. One table: a call, the groups that have it, and what its arguments
 * must be. Whatever is not in it ends the process (or fails, where a setting says so), but for the
 * calls that libraries try first and can do without.
 */
#include "base/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BASE = 0 }; /* everybody */

/*
 * An argument that must be a value, have no bit of a mask set, have all of them set, or be this process;
 * or the first three (of socket()) that must be the parts of a value.
 */
enum check { ANY, EQ, WITHOUT, WITH, SELF, THREE };
#define THREE_OF(a, b, c) ((uint64_t)(a) << 48 | (uint64_t)(b) << 16 | (uint64_t)(c))

struct row {
	int call;
	uint32_t groups; /* BASE, or any of these */
	enum check check;
	unsigned arg;
	uint64_t value;
	int error; /* 0 = granted; else it fails with this, where its caller knows another way */
};

static const uint64_t thread_flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
				     CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
				     CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;

enum { tcp_type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC }; /* as lib/net/conn.c makes them */

#define CALL(name) SCMP_SYS(name)
enum {
	OUTBOUND = CALLS_CONNECT | CALLS_DNS,
	NETWORK = CALLS_ACCEPT | OUTBOUND,
	FILES = CALLS_READ | CALLS_WRITE
};

static const struct row rows[] = {
	{ CALL(read), BASE },
	{ CALL(write), BASE },
	{ CALL(readv), BASE },
	{ CALL(pread64), BASE },
	{ CALL(writev), BASE },
	{ CALL(recvmsg), BASE },
	{ CALL(sendmsg), BASE, WITHOUT, 2, MSG_FASTOPEN }, /* connects, and Landlock is not asked */
	{ CALL(recvfrom), BASE },
	{ CALL(sendto), BASE, EQ, 4, 0 }, /* send(): no address */
	{ CALL(shutdown), BASE },
	{ CALL(close), BASE },
	{ CALL(epoll_wait), BASE },
	{ CALL(epoll_pwait), BASE },
	{ CALL(epoll_ctl), BASE },
	{ CALL(poll), BASE },
	{ CALL(ppoll), BASE },
	{ CALL(futex), BASE },
	{ CALL(brk), BASE },
	{ CALL(mmap), BASE, WITHOUT, 2, PROT_EXEC },
	{ CALL(mprotect), BASE, WITHOUT, 2, PROT_EXEC },
	{ CALL(munmap), BASE },
	{ CALL(mremap), BASE },
	{ CALL(madvise), BASE },
	{ CALL(getrandom), BASE },
	{ CALL(clock_gettime), BASE },
	{ CALL(gettimeofday), BASE },
	{ CALL(clock_nanosleep), BASE },
	{ CALL(getpid), BASE },
	{ CALL(gettid), BASE },
	{ CALL(rt_sigprocmask), BASE },
	{ CALL(rt_sigreturn), BASE },
	{ CALL(restart_syscall), BASE },
	{ CALL(exit), BASE },
	{ CALL(exit_group), BASE },
	{ CALL(fstat), BASE },
	{ CALL(dup), BASE },
	{ CALL(sched_yield), BASE },
	{ CALL(sysinfo), BASE }, /* qsort of a large array */
	{ CALL(fcntl), BASE, EQ, 1, F_GETFL },
	{ CALL(fcntl), BASE, EQ, 1, F_GETFD },
	{ CALL(fcntl), BASE, EQ, 1, F_SETFD },
	{ CALL(fcntl), BASE, EQ, 1, F_DUPFD_CLOEXEC },

	{ CALL(tgkill), BASE, SELF, 0 }, /* abort() */

	{ CALL(accept4), CALLS_ACCEPT },
	{ CALL(getsockopt), NETWORK },
	{ CALL(setsockopt), NETWORK },
	{ CALL(getpeername), NETWORK },
	{ CALL(getsockname), NETWORK },
	/* no protocol but TCP: Landlock lets MPTCP and SCTP go to any port */
	{ CALL(socket), CALLS_CONNECT, THREE, 0, THREE_OF(AF_INET, tcp_type, 0) },
	{ CALL(socket), CALLS_CONNECT, THREE, 0, THREE_OF(AF_INET6, tcp_type, 0) },
	{ CALL(connect), OUTBOUND },
	{ CALL(bind), CALLS_DNS | CALLS_SOURCE },

	/* as libunbound makes them */
	{ CALL(socket), CALLS_DNS, THREE, 0, THREE_OF(AF_INET, SOCK_DGRAM, 0) },
	{ CALL(socket), CALLS_DNS, THREE, 0, THREE_OF(AF_INET6, SOCK_DGRAM, 0) },
	{ CALL(socket), CALLS_DNS, THREE, 0, THREE_OF(AF_INET, SOCK_STREAM, IPPROTO_TCP) },
	{ CALL(socket), CALLS_DNS, THREE, 0, THREE_OF(AF_INET6, SOCK_STREAM, IPPROTO_TCP) },
	{ CALL(sendmsg), CALLS_DNS, WITH, 2, MSG_FASTOPEN, EOPNOTSUPP }, /* then it connects */

	{ CALL(socket), CALLS_FOREIGN, ANY, 0, 0,
	    EAFNOSUPPORT }, /* libpam: then nothing is audited */

	{ CALL(socketpair), CALLS_PAIR, EQ, 0, AF_UNIX },

	{ CALL(clone), CALLS_THREADS, EQ, 0, thread_flags },
	{ CALL(rt_sigaction), CALLS_THREADS, EQ, 0, 33 }, /* glibc's own, at the first thread */
	{ CALL(set_robust_list), CALLS_THREADS },
	{ CALL(rseq), CALLS_THREADS },
	{ CALL(prctl), CALLS_THREADS, EQ, 0, PR_SET_NAME },
	{ CALL(eventfd2), CALLS_THREADS },

	{ CALL(memfd_create), CALLS_MEMFD },
	{ CALL(fcntl), CALLS_MEMFD, EQ, 1, F_ADD_SEALS },
	{ CALL(fcntl), CALLS_MEMFD, EQ, 1, F_GET_SEALS },
	{ CALL(ftruncate), CALLS_MEMFD | CALLS_WRITE },

	{ CALL(openat), CALLS_READ, WITHOUT, 2, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC },
	{ CALL(openat), CALLS_WRITE },
	{ CALL(openat2), FILES },
	{ CALL(newfstatat), FILES },
	{ CALL(preadv), FILES | CALLS_MEMFD },
	{ CALL(lseek), FILES },
	{ CALL(getdents64), FILES },
	{ CALL(fstatfs), FILES },
	{ CALL(flock), FILES },
	{ CALL(fadvise64), FILES },
	{ CALL(fcntl), FILES, EQ, 1, F_SETFL },
	{ CALL(fcntl), OUTBOUND, EQ, 1, F_SETFL },
	{ CALL(pwrite64), CALLS_WRITE },
	{ CALL(pwritev), CALLS_WRITE },
	{ CALL(fsync), CALLS_WRITE },
	{ CALL(fdatasync), CALLS_WRITE },
	{ CALL(fallocate), CALLS_WRITE },
	{ CALL(linkat), CALLS_WRITE },
	{ CALL(renameat), CALLS_WRITE },
	{ CALL(renameat2), CALLS_WRITE },
	{ CALL(unlinkat), CALLS_WRITE },
	{ CALL(mkdirat), CALLS_WRITE },
	{ CALL(utimensat), CALLS_WRITE, EQ, 1, 0 }, /* futimens(): no path */
	{ CALL(sync_file_range), CALLS_WRITE },
	{ CALL(copy_file_range), CALLS_WRITE },

	{ CALL(msync), CALLS_LMDB },
	{ CALL(uname), CALLS_LMDB }, /* which kernel syncs how */
	{ CALL(rt_sigaction), CALLS_LMDB }, /* a damaged map faults: lib/store marks it */
	{ CALL(fcntl), CALLS_LMDB, EQ, 1, F_SETLK },
	{ CALL(fcntl), CALLS_LMDB, EQ, 1, F_SETLKW },
	{ CALL(fcntl), CALLS_LMDB, EQ, 1, F_GETLK },
	{ CALL(fcntl), CALLS_LMDB, EQ, 1, F_OFD_SETLK },
	{ CALL(fcntl), CALLS_LMDB, EQ, 1, F_OFD_SETLKW },
};

/* Libraries try these and fall back (ENOSYS), or ask for files they do not need (EACCES). */
static const struct {
	int call;
	int error;
} soft[] = {
	{ CALL(clone3), ENOSYS },
	{ CALL(statx), ENOSYS },
	{ CALL(faccessat2), ENOSYS },
	{ CALL(rseq), ENOSYS },
	{ CALL(openat), EACCES },
	{ CALL(open), EACCES },
	{ CALL(newfstatat), EACCES },
	{ CALL(stat), EACCES },
	{ CALL(access), EACCES },
	{ CALL(readlink), EACCES },
	{ CALL(ioctl), ENOTTY }, /* isatty() of a new stream */
	{ CALL(fcntl), EPERM },
};

static int add_row(scmp_filter_ctx ctx, const struct row *r)
{
	static const unsigned counts[] = {
		[ANY] = 0, [EQ] = 1, [WITHOUT] = 1, [WITH] = 1, [SELF] = 1, [THREE] = 3
	};
	uint32_t action = r->error == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO((uint32_t)r->error);
	struct scmp_arg_cmp cmp[3] = {
		{ .arg = r->arg, .op = SCMP_CMP_EQ, .datum_a = r->value },
		{ .arg = 1, .op = SCMP_CMP_EQ, .datum_a = r->value >> 16 & UINT32_MAX },
		{ .arg = 2, .op = SCMP_CMP_EQ, .datum_a = r->value & UINT16_MAX },
	};

	if (r->check == WITHOUT || r->check == WITH) {
		cmp[0].op = SCMP_CMP_MASKED_EQ; /* datum_a is the mask, datum_b the value */
		cmp[0].datum_b = r->check == WITH ? r->value : 0;
	} else if (r->check == SELF) {
		cmp[0].datum_a = (scmp_datum_t)getpid();
	} else if (r->check == THREE) {
		cmp[0].datum_a = r->value >> 48;
	}
	return seccomp_rule_add_array(ctx, action, r->call, counts[r->check], cmp);
}

static bool granted(const struct row *r, uint32_t calls)
{
	return r->groups == BASE || (r->groups & calls) != 0;
}

/* What a row grants for some arguments answers with the default action for the others. */
static bool granted_somehow(int call, uint32_t calls)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].call == call && granted(&rows[i], calls))
			return true;
	return false;
}

static int add_soft(scmp_filter_ctx ctx, uint32_t calls)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof soft / sizeof *soft; i++)
		if (!granted_somehow(soft[i].call, calls))
			r = seccomp_rule_add(
			    ctx, SCMP_ACT_ERRNO((uint32_t)soft[i].error), soft[i].call, 0);
	return r;
}

/*
 * Where calls are refused and not fatal, a tracer may skip one as well (strace makes it -1 to inject a
 * fault): the kernel knows no such call.
 */
static int allow_skipped(scmp_filter_ctx ctx, const struct privilege *p)
{
	int r;

	if (!p->refuse)
		return 0;
	r = seccomp_attr_set(ctx, SCMP_FLTATR_API_TSKIP, 1);
	return r == 0 ? seccomp_rule_add(ctx, SCMP_ACT_ALLOW, -1, 0) : r;
}

/* Loads ctx into all threads if all went well so far (r == 0), and frees it. */
static int load(scmp_filter_ctx ctx, int r)
{
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0)
		r = seccomp_load(ctx);
	if (ctx != NULL)
		seccomp_release(ctx);
	if (r == 0)
		return 0;
	errno = -r;
	return -1;
}

static int load_calls(const struct privilege *p)
{
	uint32_t otherwise = p->refuse ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS;
	scmp_filter_ctx ctx = seccomp_init(otherwise);
	int r = ctx == NULL ? -ENOMEM : 0;

	for (size_t i = 0; r == 0 && i < sizeof rows / sizeof *rows; i++)
		if (granted(&rows[i], p->calls))
			r = add_row(ctx, &rows[i]);
	if (r == 0 && (p->calls & CALLS_FSUID) != 0) {
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(setfsuid), 0);
		if (r == 0)
			r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(setfsgid), 0);
	}
	if (r == 0)
		r = add_soft(ctx, p->calls);
	if (r == 0)
		r = allow_skipped(ctx, p);
	return load(ctx, r);
}

/*
 * A second filter for the range of uids: libseccomp takes one comparison of an argument per rule, and
 * comparisons are in 64 bits, so that 1 << 32 is not taken for 0.
 */
static int load_fsuid_range(const struct privilege *p)
{
	static const int calls[] = { CALL(setfsuid), CALL(setfsgid) };
	uint32_t denied = p->refuse ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS;
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int r = ctx == NULL ? -ENOMEM : 0;

	for (size_t i = 0; r == 0 && i < sizeof calls / sizeof *calls; i++) {
		struct scmp_arg_cmp below = { .op = SCMP_CMP_LT, .datum_a = p->fsuid_lo };
		struct scmp_arg_cmp above = { .op = SCMP_CMP_GT, .datum_a = p->fsuid_hi };

		r = seccomp_rule_add_array(ctx, denied, calls[i], 1, &below);
		if (r == 0)
			r = seccomp_rule_add_array(ctx, denied, calls[i], 1, &above);
	}
	if (r == 0 && p->refuse)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_API_TSKIP, 1);
	return load(ctx, r);
}

int seccomp_confine(const struct privilege *p)
{
	/* the second one first: afterwards there is no way to load another */
	if ((p->calls & CALLS_FSUID) != 0 && load_fsuid_range(p) == -1)
		return -1;
	return load_calls(p);
}
