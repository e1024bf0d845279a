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
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../master/table.h"
#include "../../queue/stock.h"
#include "steps_files.h"
#include "steps_network.h"
#include "steps_process.h"
#include "targets.h"

#define STEP(f)                                                                                    \
	{                                                                                          \
#f, f                                                                              \
	}
static const struct {
	const char *name;
	long (*fn)(void);
} steps[] = {
	STEP(open_passwd),
	STEP(open_victim_read),
	STEP(open_victim_write),
	STEP(open_victim_path),
	STEP(open_victim_dir),
	STEP(open_root_dir),
	STEP(open_proc_mem),
	STEP(create_in_tmp),
	STEP(create_in_victim),
	STEP(escape_own_dir),
	STEP(create_in_own_dir),
	STEP(read_own_dir),
	STEP(execute_own_dir),
	STEP(symlink_own_dir),
	STEP(fifo_own_dir),
	STEP(chmod_own_dir),
	STEP(stat_victim),
	STEP(access_victim),
	STEP(statfs_victim),
	STEP(chdir_victim),
	STEP(chroot_again),
	STEP(mkdir_victim),
	STEP(unlink_victim),
	STEP(rename_victim),
	STEP(link_victim),
	STEP(truncate_victim),
	STEP(chmod_victim),
	STEP(chown_victim),
	STEP(utime_victim),
	STEP(xattr_victim),
	STEP(readlink_exe),
	STEP(inotify_victim),
	STEP(fanotify),
	STEP(file_handle),
	STEP(socket_tcp),
	STEP(socket_tcp6),
	STEP(socket_udp),
	STEP(socket_unix),
	STEP(socket_netlink),
	STEP(socket_packet),
	STEP(socket_raw),
	STEP(socket_alg),
	STEP(socket_vsock),
	STEP(connect_tcp),
	STEP(connect_fastopen),
	STEP(socket_mptcp),
	STEP(socket_sctp),
	STEP(bind_tcp),
	STEP(bind_source),
	STEP(socket_tcp_dns),
	STEP(send_udp_dns),
	STEP(send_udp_elsewhere),
	STEP(socket_udplite),
	STEP(socket_ping),
	STEP(listen_unbound),
	STEP(connect_unix),
	STEP(connect_abstract),
	STEP(fork_process),
	STEP(exec_program),
	STEP(exec_memfd),
	STEP(kill_sibling),
	STEP(tgkill_sibling),
	STEP(ptrace_sibling),
	STEP(read_sibling),
	STEP(pidfd_sibling),
	STEP(prlimit_sibling),
	STEP(priority_sibling),
	STEP(affinity_sibling),
	STEP(become_root),
	STEP(fsuid_zero),
	STEP(fsuid_below),
	STEP(fsuid_above),
	STEP(fsuid_wrap_zero),
	STEP(fsuid_wrap_low),
	STEP(fsuid_minus_one),
	STEP(fsuid_mailbox),
	STEP(drop_groups),
	STEP(regain_caps),
	STEP(user_namespace),
	STEP(become_dumpable),
	STEP(another_filter),
	STEP(change_personality),
	STEP(map_exec),
	STEP(map_write_exec),
	STEP(protect_exec),
	STEP(memfd),
	STEP(shared_memory),
	STEP(message_queue),
	STEP(semaphore),
	STEP(io_uring),
	STEP(bpf),
	STEP(user_fault),
	STEP(perf),
	STEP(keyring),
	STEP(mount_tmpfs),
	STEP(unmount),
	STEP(set_host_name),
	STEP(load_module),
	STEP(kernel_log),
	STEP(new_ruleset),
	STEP(terminal_input),
	STEP(secret_memory),
	STEP(overwrite_handed),
	STEP(truncate_handed),
	STEP(seek_handed),
	STEP(unappend_handed),
	STEP(punch_handed),
	STEP(overfill_handed),
	STEP(overfill_memory),
	STEP(enlarge_memory),
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
		if (geteuid() == 0 &&
		    (setresgid(uid, uid, uid) == -1 || setresuid(uid, uid, uid) == -1))
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

static const char *attempt(
    const struct process *row, uid_t uid, int root_fd, unsigned step, bool kill_mode)
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
		    attempt(row, uid, row->sees_root ? -1 : root_fd, i, false));
		printf("%s %s %s\n", role_name(row->role), steps[i].name,
		    attempt(row, uid, row->sees_root ? -1 : root_fd, i, true));
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
