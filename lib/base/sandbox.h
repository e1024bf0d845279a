/*
 * Confinement of a process by the layers that the kernel offers: uid, chroot, capabilities,
 * no_new_privs, limits, Landlock, seccomp. What a process is granted stands in master/table.c and
 * nowhere else; this file only says what the words of that table mean.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Groups of system calls; sandbox.c lists what is in each. Everyone has the base group. */
enum {
	CALLS_ACCEPT = 1 << 0, /* take connections from listening sockets, ask who the peer is */
	CALLS_CONNECT = 1 << 1, /* make TCP connections */
	CALLS_THREADS = 1 << 2, /* start threads in this process */
	CALLS_MEMFD = 1 << 3, /* make and seal memory files */
	CALLS_READ = 1 << 4, /* open and read files, list directories */
	CALLS_WRITE = 1 << 5, /* make, write, sync, link, rename and remove files */
	CALLS_LMDB = 1 << 6, /* shared file mappings and their locks */
	CALLS_FSUID = 1 << 7, /* become a mailbox's uid for file access, per thread, in a range */
	CALLS_PAIR = 1 << 9, /* make pairs of connected sockets */
	CALLS_SOURCE =
	    1 << 11, /* choose the address, not the port, that connections are made from */
	CALLS_FOREIGN =
	    1 << 10, /* none: code of others that tries sockets takes them for unknown */
	CALLS_DNS = 1 << 8, /* ask DNS servers: UDP to any port, TCP to those that Landlock names */
};

/* Rights on a directory and everything below it (Landlock). */
enum { DIR_READ = 1 << 0, DIR_WRITE = 1 << 1 };

struct privilege {
	uint32_t calls;
	uint64_t caps; /* bits of capabilities kept, if the suite runs as root */
	uint32_t fsuid_lo, fsuid_hi;
	uint32_t uid, gid; /* to become, if the suite runs as root */
	uint32_t nofile; /* descriptors */
	uint64_t memory; /* address space in bytes, 0 = not limited */
	uint64_t file; /* bytes up to which it may make any file grow, 0 = not limited */
	bool root; /* the suite runs as root: uid, chroot and capabilities apply */
	bool refuse; /* an unlisted system call fails with EPERM instead of ending the process */
};

struct dir_rule {
	int fd;
	uint32_t rights; /* DIR_* */
};

/* Layers in force, for status and log. */
enum {
	LAYER_UID = 1 << 0,
	LAYER_CHROOT = 1 << 1,
	LAYER_CAPS = 1 << 2,
	LAYER_NNP = 1 << 3,
	LAYER_LANDLOCK_FS = 1 << 4,
	LAYER_LANDLOCK_NET = 1 << 5,
	LAYER_LANDLOCK_SCOPE = 1 << 6,
	LAYER_SECCOMP = 1 << 7,
	LAYERS = 8
};
extern const char *const sandbox_layer_names[LAYERS];

/*
 * First step, before descriptors are used: limits, and if p->root the uid and groups; keeps only
 * CAP_SYS_CHROOT and p->caps. 0, or -1 with errno when any of it failed: the process must end.
 */
int sandbox_become(const struct privilege *p);

/*
 * Second step, before the first byte of input: chroot into root_fd (an empty directory; or the home,
 * -1 = none), capabilities down to p->caps, no_new_privs, not dumpable, Landlock with these
 * directories and TCP ports, seccomp. The layers in force, or -1 with errno: the process must end.
 */
int sandbox_confine(const struct privilege *p, int root_fd, const struct dir_rule *dirs,
    size_t ndirs, const uint16_t *ports, size_t nports);

/* Closes every descriptor from `first` on. */
void sandbox_close_from(unsigned first);

#endif
