/* Reading and writing all of something at a place in a file. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Exactly n bytes. 0, or -1 with errno; ENODATA: the file ends before. */
int fd_read_at(int fd, void *p, size_t n, uint64_t offset);
/* The same; ENOSPC where the kernel takes nothing and does not say why. */
int fd_write_at(int fd, const void *p, size_t n, uint64_t offset);
/* What a regular file holds, *out yours to free. 0, or -1 with errno; EFBIG: more than max bytes. */
int fd_read_file(const char *path, size_t max, struct str *out);

#endif
