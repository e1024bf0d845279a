/*
 * Acting as the owner of a mailbox: the calling thread alone changes its file system uid and gid,
 * with raw system calls (the library would change all threads), and reads them back.
 */
#ifndef MAILDIR_BECOME_H
#define MAILDIR_BECOME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Before the first thread: does the suite run as root, and which uids and gids may be taken (never
 * 0)? The system call filter has the same range and ends a process that tries another.
 */
void become_init(bool root, uint32_t lo, uint32_t hi);

/*
 * Makes the thread act as uid and gid. Without root nothing changes: files then belong to whoever
 * started the suite. -1 with EPERM when one is outside the range or the kernel did not do it.
 */
int become(uint32_t uid, uint32_t gid);

/* Who owns the files of a mailbox with that uid. */
uid_t become_owner(uint32_t uid);

#endif
