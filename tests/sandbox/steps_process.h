/* Steps at processes, users, privileges, memory and the kernel. 0 or more = it worked. */
#ifndef PROBE_STEPS_PROCESS_H
#define PROBE_STEPS_PROCESS_H

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/memfd.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "targets.h"

static long fork_process(void)
{
	pid_t p = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);

	if (p == 0)
		_exit(0);
	return p;
}
static long exec_program(void)
{
	char *argv[] = { NULL };

	return execve("/bin/true", argv, argv);
}
static long exec_memfd(void)
{
	char *argv[] = { NULL };
	int fd = (int)syscall(SYS_memfd_create, "x", 0);

	return fd == -1 ? -1 : syscall(SYS_execveat, fd, "", argv, argv, AT_EMPTY_PATH);
}
static long kill_sibling(void)
{
	return kill(sibling, 0);
}
static long tgkill_sibling(void)
{
	return syscall(SYS_tgkill, sibling, sibling, 0);
}
static long ptrace_sibling(void)
{
	return ptrace(PTRACE_ATTACH, sibling, NULL, NULL);
}
static long read_sibling(void)
{
	char c;
	struct iovec here = { &c, 1 }, there = { &c, 1 };

	return process_vm_readv(sibling, &here, 1, &there, 1, 0);
}
static long pidfd_sibling(void)
{
	return syscall(SYS_pidfd_open, sibling, 0);
}
static long prlimit_sibling(void)
{
	struct rlimit l = { 1, 1 };

	return prlimit(sibling, RLIMIT_CPU, &l, NULL);
}
static long priority_sibling(void)
{
	return setpriority(PRIO_PROCESS, (id_t)sibling, 19);
}
static long affinity_sibling(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return sched_setaffinity(sibling, sizeof set, &set);
}

static long become_root(void)
{
	return setresuid(0, 0, 0) == 0 && FIRST_UID != 0 ? 0 : -1;
}
static long try_fsuid(long uid)
{
	syscall(SYS_setfsuid, uid);
	return syscall(SYS_setfsuid, uid) == (long)(uint32_t)uid ? 0 : -1;
}
static long fsuid_zero(void)
{
	return try_fsuid(0);
}
static long fsuid_below(void)
{
	return try_fsuid((long)FSUID_LO - 1);
}
static long fsuid_above(void)
{
	return try_fsuid((long)FSUID_HI + 1);
}
static long fsuid_wrap_zero(void)
{
	syscall(SYS_setfsuid, 1l << 32);
	return syscall(SYS_setfsuid, 1l << 32) == 0 ? 0 : -1;
}
static long fsuid_wrap_low(void)
{
	return try_fsuid((1l << 32) + (long)FSUID_LO);
}
static long fsuid_minus_one(void)
{
	return syscall(SYS_setfsuid, -1l);
}
static long fsuid_mailbox(void)
{
	return try_fsuid((long)FSUID_LO + 5);
}
static long drop_groups(void)
{
	gid_t none = 0;

	return syscall(SYS_setgroups, 1, &none);
}
static long regain_caps(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { ~0u, ~0u, 0 }, { ~0u, ~0u, 0 } };

	return syscall(SYS_capset, &head, data);
}
static long user_namespace(void)
{
	return unshare(CLONE_NEWUSER);
}
static long become_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}
static long another_filter(void)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL);
}
static long change_personality(void)
{
	return syscall(SYS_personality, 0x0400000);
}

static long map_exec(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		       MAP_FAILED
		   ? -1
		   : 0;
}
static long map_write_exec(void)
{
	return mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		       MAP_FAILED
		   ? -1
		   : 0;
}
static long protect_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}
static long memfd(void)
{
	return syscall(SYS_memfd_create, "x", MFD_ALLOW_SEALING);
}
static long shared_memory(void)
{
	return shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
}
static long message_queue(void)
{
	return syscall(SYS_msgget, IPC_PRIVATE, 0600);
}
static long semaphore(void)
{
	return syscall(SYS_semget, IPC_PRIVATE, 1, 0600);
}

/* Calls that nobody has a use for: what counts is that the kernel does not even look at them. */
static long io_uring(void)
{
	char params[256] = { 0 };

	return syscall(SYS_io_uring_setup, 1, params);
}
static long bpf(void)
{
	char attr[128] = { 0 };

	return syscall(SYS_bpf, 0, attr, sizeof attr);
}
static long user_fault(void)
{
	return syscall(SYS_userfaultfd, 1);
}
static long perf(void)
{
	char attr[128] = { 0 };

	return syscall(SYS_perf_event_open, attr, 0, -1, -1, 0);
}
static long keyring(void)
{
	return syscall(SYS_keyctl, 0, -3, 0);
}
static long mount_tmpfs(void)
{
	return syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL);
}
static long unmount(void)
{
	return syscall(SYS_umount2, "/proc", 2);
}
static long set_host_name(void)
{
	return syscall(SYS_sethostname, "x", -1);
}
static long load_module(void)
{
	return syscall(SYS_init_module, "", 0, "");
}
static long kernel_log(void)
{
	return syscall(SYS_syslog, 10, NULL, 0);
}
static long new_ruleset(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
}
static long terminal_input(void)
{
	return ioctl(STDIN_FILENO, TIOCSTI, "x");
}
static long secret_memory(void)
{
	return syscall(447, 0); /* memfd_secret */
}

#endif
