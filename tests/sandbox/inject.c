/*
 * Makes a running process attempt system calls, as whoever had taken it over would: calls injected
 * with ptrace pass through its seccomp filters, Landlock and permissions like its own.
 *
 *	inject PID
 *
 * Prints a line "call result" each, where the result is ALLOWED or the name of the error. The process
 * goes on afterwards as if nothing had happened. x86-64; root.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __x86_64__

static pid_t pid;
static struct user_regs_struct saved;
enum { SCRATCH = 4096, TEXT = 256 }; /* below its stack */

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

static unsigned long put_text(const char *text)
{
	unsigned long at = (saved.rsp - SCRATCH) & ~15ul;
	char copy[TEXT] = { 0 };
	struct iovec here = { copy, sizeof copy }, there = { (void *)at, sizeof copy };

	snprintf(copy, sizeof copy, "%s", text);
	if (process_vm_writev(pid, &here, 1, &there, 1, 0) != (ssize_t)sizeof copy)
		die("write");
	return at;
}

static long inject(long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	struct user_regs_struct r = saved;
	int status;

	r.rip -= 2; /* it stands behind the syscall instruction that it waits in */
	r.rax = (unsigned long)nr;
	r.orig_rax = -1ul;
	r.rdi = a;
	r.rsi = b;
	r.rdx = c;
	r.r10 = d;
	r.r8 = r.r9 = 0;
	if (ptrace(PTRACE_SETREGS, pid, NULL, &r) == -1 ||
	    ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == -1)
		die("step");
	if (waitpid(pid, &status, __WALL) == -1)
		die("wait");
	if (!WIFSTOPPED(status)) {
		printf("KILLED\n");
		exit(3);
	}
	if (ptrace(PTRACE_GETREGS, pid, NULL, &r) == -1)
		die("regs");
	return (long)r.rax;
}

static void show(const char *name, long result)
{
	printf("%s %s\n", name, result >= 0 ? "ALLOWED" : strerrorname_np((int)-result));
}

static void attempts(void)
{
	show("open_passwd",
	    inject(SYS_openat, (unsigned long)AT_FDCWD, put_text("/etc/passwd"), O_RDONLY, 0));
	show("open_shadow",
	    inject(SYS_openat, (unsigned long)AT_FDCWD, put_text("/etc/shadow"), O_RDONLY, 0));
	show("open_tmp", inject(SYS_openat, (unsigned long)AT_FDCWD, put_text("/tmp/injected"),
			     O_WRONLY | O_CREAT, 0600));
	show("open_dotdot",
	    inject(SYS_openat, (unsigned long)AT_FDCWD, put_text("../../etc/passwd"), O_RDONLY, 0));
	show("mkdir",
	    inject(SYS_mkdirat, (unsigned long)AT_FDCWD, put_text("/tmp/injected-dir"), 0700, 0));
	show("unlink", inject(SYS_unlinkat, (unsigned long)AT_FDCWD, put_text("/etc/motd"), 0, 0));
	show("chmod", inject(SYS_chmod, put_text("/etc/passwd"), 0666, 0, 0));
	show("execve", inject(SYS_execve, put_text("/bin/true"), 0, 0, 0));
	show("fork", inject(SYS_clone, SIGCHLD, 0, 0, 0));
	show("socket_udp", inject(SYS_socket, AF_INET, SOCK_DGRAM, 0, 0));
	show("socket_unix", inject(SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0));
	show("socket_netlink", inject(SYS_socket, AF_NETLINK, SOCK_RAW, 0, 0));
	show("socket_raw", inject(SYS_socket, AF_INET, SOCK_RAW, 1, 0));
	show("setuid_root", inject(SYS_setresuid, 0, 0, 0, 0));
	show("setgid_root", inject(SYS_setresgid, 0, 0, 0, 0));
	show("setfsuid_root", inject(SYS_setfsuid, 0, 0, 0, 0) == -EPERM ? -EPERM
			      : inject(SYS_setfsuid, 0, 0, 0, 0) == 0    ? 0
									 : -EPERM);
	show("chroot", inject(SYS_chroot, put_text("."), 0, 0, 0));
	show("ptrace_init", inject(SYS_ptrace, PTRACE_ATTACH, 1, 0, 0));
	show("kill_init", inject(SYS_kill, 1, 0, 0, 0));
	show("mmap_exec",
	    inject(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS));
	show("unshare", inject(SYS_unshare, CLONE_NEWUSER, 0, 0, 0));
	show("mount", inject(SYS_mount, put_text("none"), put_text("none"), 0, 0));
	show("io_uring", inject(SYS_io_uring_setup, 1, saved.rsp - SCRATCH, 0, 0));
	show("bpf", inject(SYS_bpf, 0, saved.rsp - SCRATCH, 64, 0));
	show("keyctl", inject(SYS_keyctl, 0, (unsigned long)-3, 0, 0));
}

int main(int argc, char **argv)
{
	int status;

	if (argc != 2)
		return 64;
	pid = (pid_t)strtol(argv[1], NULL, 10);
	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) == -1 || waitpid(pid, &status, __WALL) == -1)
		die("attach");
	if (ptrace(PTRACE_GETREGS, pid, NULL, &saved) == -1)
		die("regs");
	if (saved.orig_rax == -1ul) {
		fprintf(stderr, "not waiting in a system call\n");
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
		return 4;
	}
	attempts();
	if (ptrace(PTRACE_SETREGS, pid, NULL, &saved) == -1 ||
	    ptrace(PTRACE_DETACH, pid, NULL, NULL) == -1)
		die("detach");
	return 0;
}

#else

int main(void)
{
	return 77; /* nothing to see on this machine */
}

#endif
