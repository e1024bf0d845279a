/* Steps at files: of another mailbox, of its own directory, handed in. 0 or more = it worked. */
#ifndef PROBE_STEPS_FILES_H
#define PROBE_STEPS_FILES_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../queue/stock.h"
#include "targets.h"

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

#endif
