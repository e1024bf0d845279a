/*
 * What a process could do if it were taken over: for every row of the process table this program
 * confines itself exactly as that row says, by the code that the programs use, and then tries each
 * step of an attack in a process of its own.
 *
 *	probe DIR	DIR: an empty directory that everybody may enter
 *
 * Prints a line "role step result" per try: ALLOWED, or denied. test_probe.py knows which ALLOWED
 * are meant. As root each role gets a uid of its own and an empty root; without root the other layers
 * have to hold alone.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_alg.h>
#include <linux/landlock.h>
#include <linux/memfd.h>
#include <linux/seccomp.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../master/table.h"
#include "../../queue/stock.h"

enum { FILE_LIMIT = 1 << 20, BLOCK = 64 * 1024 };
enum { FIRST_UID = 64300, SIBLINGS_SPARE = 50, FSUID_LO = 1879048192, FSUID_HI = 2147483646 };

/* The targets: another mailbox, sockets that listen, and a process of the same uid. */
static char victim_dir[512], victim_file[600], victim_sock[600];
static pid_t sibling;
static uint16_t tcp_port;
static char abstract_name[64];
static uint32_t role_calls; /* CALLS_* */
static int own_dir = -1; /* of a role that has one */
static int handed;       /* a file that it got for appending */
static int memory;       /* a memory file for a body */

/* --- steps: 0 or more = it worked ------------------------------------------------------------- */

static long try_open(const char *path, int flags)
{
	return open(path, flags | O_CLOEXEC, 0600);
}
static long open_passwd(void)
{
	return try_open("/etc/passwd", O_RDONLY);
}
static long open_victim_read(void)
{
	return try_open(victim_file, O_RDONLY);
}
static long open_victim_write(void)
{
	return try_open(victim_file, O_WRONLY);
}
static long open_victim_path(void)
{
	return try_open(victim_file, O_PATH);
}
static long open_victim_dir(void)
{
	return try_open(victim_dir, O_RDONLY | O_DIRECTORY);
}
static long open_root_dir(void)
{
	/* an empty root of its own holds nothing to see */
	int fd = open("/", O_RDONLY | O_DIRECTORY);
	char buf[1024];

	return fd == -1 || syscall(SYS_getdents64, fd, buf, sizeof buf) <= 48 ? -1 : 0;
}
static long open_proc_mem(void)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/mem", sibling);
	return try_open(path, O_RDWR);
}
static long create_in_tmp(void)
{
	return try_open("/tmp/probe-was-here", O_WRONLY | O_CREAT);
}
static long create_in_victim(void)
{
	char path[700];

	snprintf(path, sizeof path, "%s/new", victim_dir);
	return try_open(path, O_WRONLY | O_CREAT | O_EXCL);
}
static long escape_own_dir(void)
{
	if (own_dir == -1)
		return -1;
	return openat(own_dir, "../victim/mail", O_RDONLY);
}
static long create_in_own_dir(void)
{
	return own_dir == -1 ? -1 : openat(own_dir, "made", O_WRONLY | O_CREAT, 0600);
}
static long read_own_dir(void)
{
	char buf[1024];

	return own_dir == -1 ? -1 : syscall(SYS_getdents64, own_dir, buf, sizeof buf) - 1;
}
static long execute_own_dir(void)
{
	return own_dir == -1 ? -1 : syscall(SYS_execveat, own_dir, "made", NULL, NULL, 0);
}
static long symlink_own_dir(void)
{
	return own_dir == -1 ? -1 : symlinkat("/etc/shadow", own_dir, "link");
}
static long fifo_own_dir(void)
{
	return own_dir == -1 ? -1 : mknodat(own_dir, "fifo", S_IFIFO | 0600, 0);
}
static long chmod_own_dir(void)
{
	return own_dir == -1 ? -1 : fchmod(own_dir, 0777);
}
static long stat_victim(void)
{
	struct stat st;

	return stat(victim_file, &st);
}
static long access_victim(void)
{
	return access(victim_file, F_OK);
}
static long statfs_victim(void)
{
	struct statfs st;

	return statfs(victim_file, &st);
}
static long chdir_victim(void)
{
	return chdir(victim_dir);
}
static long chroot_again(void)
{
	return chroot(".");
}
static long mkdir_victim(void)
{
	char path[700];

	snprintf(path, sizeof path, "%s/dir", victim_dir);
	return mkdir(path, 0700);
}
static long unlink_victim(void)
{
	return unlink(victim_file);
}
static long rename_victim(void)
{
	return rename(victim_file, "/tmp/stolen");
}
static long link_victim(void)
{
	return link(victim_file, "/tmp/linked");
}
static long truncate_victim(void)
{
	return truncate(victim_file, 0);
}
static long chmod_victim(void)
{
	return chmod(victim_file, 0666);
}
static long chown_victim(void)
{
	return chown(victim_file, getuid(), getgid());
}
static long utime_victim(void)
{
	return utimensat(AT_FDCWD, victim_file, NULL, 0);
}
static long xattr_victim(void)
{
	return setxattr(victim_file, "user.probe", "1", 1, 0);
}
static long readlink_exe(void)
{
	char buf[256];

	return readlink("/proc/self/exe", buf, sizeof buf);
}
static long inotify_victim(void)
{
	return inotify_add_watch(inotify_init1(0), victim_dir, IN_ALL_EVENTS);
}
static long fanotify(void)
{
	return syscall(SYS_fanotify_init, 0, 0);
}
static long file_handle(void)
{
	char h[256] = { 0 };
	int id;

	((struct file_handle *)(void *)h)->handle_bytes = 128;
	return name_to_handle_at(AT_FDCWD, "/", (void *)h, &id, 0);
}

static long socket_of(int domain, int type, int protocol)
{
	return socket(domain, type, protocol);
}
static long socket_tcp(void)
{
	return socket_of(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}
static long socket_tcp6(void)
{
	return socket_of(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}
static long socket_udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(53),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to);
}
static long socket_unix(void)
{
	return socket_of(AF_UNIX, SOCK_STREAM, 0);
}
static long socket_netlink(void)
{
	return socket_of(AF_NETLINK, SOCK_RAW, 0);
}
static long socket_packet(void)
{
	return socket_of(AF_PACKET, SOCK_RAW, 0);
}
static long socket_raw(void)
{
	return socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}
static long socket_alg(void)
{
	return socket_of(AF_ALG, SOCK_SEQPACKET, 0);
}
static long socket_vsock(void)
{
	return socket_of(AF_VSOCK, SOCK_STREAM, 0);
}
/* In the only form that the role is granted, if any. */
static int tcp_socket(void)
{
	if ((role_calls & CALLS_DNS) != 0)
		return socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
	return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}
static long socket_tcp_dns(void)
{
	return socket_of(AF_INET, SOCK_STREAM, IPPROTO_TCP);
}
static long connected_udp(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	return connect(fd, (struct sockaddr *)&to, sizeof to) == -1 ? -1 : send(fd, "x", 1, 0);
}
static long send_udp_dns(void)
{
	return connected_udp(53);
}
static long send_udp_elsewhere(void)
{
	return connected_udp(9);
}
static long socket_udplite(void)
{
	return socket_of(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);
}
static long socket_ping(void)
{
	return socket_of(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
}
static long connect_tcp(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(tcp_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return connect(tcp_socket(), (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS
	    ? 0 : -1;
}
/* A connection that is made by sending. */
static long connect_fastopen(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(tcp_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct iovec iov = { "x", 1 };
	struct msghdr m = { .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iov, .msg_iovlen = 1 };

	return sendmsg(tcp_socket(), &m, MSG_FASTOPEN) != -1 || errno == EINPROGRESS ? 0 : -1;
}
static long socket_mptcp(void)
{
	return socket_of(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_MPTCP);
}
static long socket_sctp(void)
{
	return socket_of(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_SCTP);
}
static long bind_tcp(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return bind(tcp_socket(), (struct sockaddr *)&to, sizeof to);
}
static long listen_unbound(void)
{
	return listen(tcp_socket(), 1);
}
static long connect_unix(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	memcpy(to.sun_path, victim_sock, strlen(victim_sock) + 1);
	return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof to);
}
static long connect_abstract(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t n = strlen(abstract_name);

	memcpy(to.sun_path + 1, abstract_name, n);
	return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&to,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n));
}

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
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
	    ? -1 : 0;
}
static long map_write_exec(void)
{
	return mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	    MAP_FAILED ? -1 : 0;
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
/* On a file that was handed in for writing, as a spool file is handed to smtpd. */
static long overwrite_handed(void)
{
	return pwrite(handed, "x", 1, 0);
}
static long truncate_handed(void)
{
	return ftruncate(handed, 0);
}
static long seek_handed(void)
{
	return lseek(handed, 0, SEEK_SET);
}
static long unappend_handed(void)
{
	return fcntl(handed, F_SETFL, 0);
}
static long punch_handed(void)
{
	return fallocate(handed, 3, 0, 1);
}

/* More than one body may hold. */
static long overfill(int fd, long limit)
{
	static char block[BLOCK];

	for (long n = 0; n <= limit; n += BLOCK)
		if (write(fd, block, BLOCK) != BLOCK)
			return -1;
	return 0;
}
static long overfill_handed(void)
{
	return overfill(handed, FILE_LIMIT);
}
static long overfill_memory(void)
{
	return overfill(memory, BODY_SMALL);
}
static long enlarge_memory(void)
{
	return ftruncate(memory, BODY_SMALL + 1);
}

#define STEP(f) { #f, f }
static const struct {
	const char *name;
	long (*fn)(void);
} steps[] = {
	STEP(open_passwd), STEP(open_victim_read), STEP(open_victim_write), STEP(open_victim_path),
	STEP(open_victim_dir), STEP(open_root_dir), STEP(open_proc_mem), STEP(create_in_tmp),
	STEP(create_in_victim), STEP(escape_own_dir), STEP(create_in_own_dir), STEP(read_own_dir),
	STEP(execute_own_dir), STEP(symlink_own_dir), STEP(fifo_own_dir), STEP(chmod_own_dir),
	STEP(stat_victim), STEP(access_victim), STEP(statfs_victim), STEP(chdir_victim),
	STEP(chroot_again), STEP(mkdir_victim), STEP(unlink_victim), STEP(rename_victim),
	STEP(link_victim), STEP(truncate_victim), STEP(chmod_victim), STEP(chown_victim),
	STEP(utime_victim), STEP(xattr_victim), STEP(readlink_exe), STEP(inotify_victim),
	STEP(fanotify), STEP(file_handle), STEP(socket_tcp), STEP(socket_tcp6), STEP(socket_udp),
	STEP(socket_unix), STEP(socket_netlink), STEP(socket_packet), STEP(socket_raw),
	STEP(socket_alg), STEP(socket_vsock), STEP(connect_tcp), STEP(connect_fastopen),
	STEP(socket_mptcp), STEP(socket_sctp), STEP(bind_tcp), STEP(socket_tcp_dns), STEP(send_udp_dns),
	STEP(send_udp_elsewhere), STEP(socket_udplite), STEP(socket_ping),
	STEP(listen_unbound), STEP(connect_unix), STEP(connect_abstract), STEP(fork_process),
	STEP(exec_program), STEP(exec_memfd), STEP(kill_sibling), STEP(tgkill_sibling),
	STEP(ptrace_sibling), STEP(read_sibling), STEP(pidfd_sibling), STEP(prlimit_sibling),
	STEP(priority_sibling), STEP(affinity_sibling), STEP(become_root), STEP(fsuid_zero),
	STEP(fsuid_below), STEP(fsuid_above), STEP(fsuid_wrap_zero), STEP(fsuid_wrap_low),
	STEP(fsuid_minus_one), STEP(fsuid_mailbox), STEP(drop_groups), STEP(regain_caps),
	STEP(user_namespace), STEP(become_dumpable), STEP(another_filter), STEP(change_personality),
	STEP(map_exec), STEP(map_write_exec), STEP(protect_exec), STEP(memfd), STEP(shared_memory),
	STEP(message_queue), STEP(semaphore), STEP(io_uring), STEP(bpf), STEP(user_fault), STEP(perf),
	STEP(keyring), STEP(mount_tmpfs), STEP(unmount), STEP(set_host_name), STEP(load_module),
	STEP(kernel_log), STEP(new_ruleset), STEP(terminal_input), STEP(secret_memory),
	STEP(overwrite_handed), STEP(truncate_handed), STEP(seek_handed), STEP(unappend_handed),
	STEP(punch_handed), STEP(overfill_handed), STEP(overfill_memory), STEP(enlarge_memory),
};
enum { STEPS = sizeof steps / sizeof *steps };

/* --- set-up ----------------------------------------------------------------------------------- */

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(2);
}

static void listen_on_tcp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&a, size) == -1 || listen(fd, 100) == -1 ||
	    getsockname(fd, (struct sockaddr *)&a, &size) == -1)
		die("tcp");
	tcp_port = ntohs(a.sin_port);
}

static void listen_on_unix(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), fd2 = socket(AF_UNIX, SOCK_STREAM, 0);
	size_t n;

	memcpy(a.sun_path, victim_sock, strlen(victim_sock) + 1);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) == -1 || listen(fd, 100) == -1 ||
	    chmod(victim_sock, 0666) == -1)
		die("unix");
	n = (size_t)snprintf(abstract_name, sizeof abstract_name, "thurn-probe-%d", getpid());
	memset(a.sun_path, 0, sizeof a.sun_path);
	memcpy(a.sun_path + 1, abstract_name, n);
	if (bind(fd2, (struct sockaddr *)&a,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n)) == -1 ||
	    listen(fd2, 100) == -1)
		die("abstract");
}

/* Targets as weak as can be: whatever keeps the role out is its sandbox, not their permissions. */
static void make_targets(const char *top)
{
	char path[600];
	int fd;

	snprintf(victim_dir, sizeof victim_dir, "%s/victim", top);
	snprintf(victim_file, sizeof victim_file, "%s/mail", victim_dir);
	snprintf(victim_sock, sizeof victim_sock, "%s/sock", victim_dir);
	umask(0);
	if (mkdir(victim_dir, 0777) == -1)
		die(victim_dir);
	fd = open(victim_file, O_WRONLY | O_CREAT, 0666);
	if (fd == -1 || write(fd, "secret\n", 7) != 7)
		die(victim_file);
	close(fd);
	snprintf(path, sizeof path, "%s/handed", top);
	handed = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (handed == -1 || write(handed, "sealed\n", 7) != 7)
		die(path);
	listen_on_tcp();
	listen_on_unix();
}

/* A process of the same uid that is not confined at all. */
static pid_t start_sibling(uid_t uid)
{
	pid_t p = fork();

	if (p == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (geteuid() == 0 && (setresgid(uid, uid, uid) == -1 || setresuid(uid, uid, uid) == -1))
			_exit(1);
		for (;;)
			pause();
	}
	return p;
}

static void confine_as(const struct process *row, uid_t uid, int root_fd, bool kill_mode)
{
	static const uint16_t ports[] = { 25 };
	struct privilege p = {
		.calls = row->calls,
		.caps = row->caps,
		.fsuid_lo = FSUID_LO,
		.fsuid_hi = FSUID_HI,
		.uid = uid,
		.gid = uid,
		.nofile = row->nofile,
		.file = row->bodies ? FILE_LIMIT : 0,
		.root = geteuid() == 0,
		.refuse = !kill_mode,
	};
	struct dir_rule rule = { own_dir, row->dirs[0].rights };

	if (sandbox_become(&p) == -1 ||
	    sandbox_confine(&p, p.root ? root_fd : -1, &rule, own_dir == -1 ? 0 : 1, ports,
		(row->calls & (CALLS_CONNECT | CALLS_DNS)) != 0 ? 1 : 0) == -1)
		_exit(3);
}

static const char *attempt(const struct process *row, uid_t uid, int root_fd, unsigned step, bool kill_mode)
{
	int status;
	pid_t p = fork();

	if (p == 0) {
		memory = stock_memory();
		if (memory == -1)
			_exit(3);
		confine_as(row, uid, root_fd, kill_mode);
		_exit(steps[step].fn() >= 0 ? 0 : 1);
	}
	waitpid(p, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return "ALLOWED";
	if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
		return "unconfined";
	return "denied";
}

static void probe_row(const struct process *row, unsigned n, const char *top)
{
	char path[600];
	uid_t uid = (uid_t)(FIRST_UID + (int)n);
	int root_fd;

	snprintf(path, sizeof path, "%s/empty", top);
	mkdir(path, 0755);
	root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_dir = -1;
	role_calls = row->calls;
	if (row->dirs[0].rights != 0) {
		snprintf(path, sizeof path, "%s/own-%u", top, n);
		if (mkdir(path, 0700) == -1 || (geteuid() == 0 && chown(path, uid, uid) == -1))
			die(path);
		own_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (row->role == ROLE_SESSION)
			root_fd = own_dir; /* its home is its root */
	}
	sibling = start_sibling(uid);
	for (unsigned i = 0; i < STEPS; i++) {
		printf("%s %s %s\n", role_name(row->role), steps[i].name,
		    attempt(row, uid, root_fd, i, false));
		printf("%s %s %s\n", role_name(row->role), steps[i].name,
		    attempt(row, uid, root_fd, i, true));
	}
	kill(sibling, SIGKILL);
	waitpid(sibling, NULL, 0);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 2)
		return 64;
	make_targets(argv[1]);
	for (unsigned i = 0; i < nprocesses; i++)
		if (!processes[i].root_kept)
			probe_row(&processes[i], i, argv[1]);
	probe_row(&session_process, (unsigned)nprocesses, argv[1]);
	return 0;
}
