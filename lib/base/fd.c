/* All of something at a place in a file. See fd.h. */
#include "base/fd.h"

#include <errno.h>
#include <unistd.h>

int fd_read_at(int fd, void *p, size_t n, uint64_t offset)
{
	char *at = p;

	while (n > 0) {
		ssize_t r = pread(fd, at, n, (off_t)offset);

		if (r == -1 && errno == EINTR)
			continue;
		if (r == 0)
			errno = ENODATA;
		if (r <= 0)
			return -1;
		at += r;
		n -= (size_t)r;
		offset += (uint64_t)r;
	}
	return 0;
}

int fd_write_at(int fd, const void *p, size_t n, uint64_t offset)
{
	const char *at = p;

	while (n > 0) {
		ssize_t r = pwrite(fd, at, n, (off_t)offset);

		if (r == -1 && errno == EINTR)
			continue;
		if (r == 0)
			errno = ENOSPC;
		if (r <= 0)
			return -1;
		at += r;
		n -= (size_t)r;
		offset += (uint64_t)r;
	}
	return 0;
}
