/* All of something at a place in a file. See fd.h. */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

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

static int read_regular(int fd, size_t max, struct str *out)
{
	struct stat st;
	char *p;

	if (fstat(fd, &st) == -1)
		return -1;
	errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > max)
		return -1;
	p = xmalloc((size_t)st.st_size + 1);
	if (fd_read_at(fd, p, (size_t)st.st_size, 0) == -1) {
		free(p);
		return -1;
	}
	*out = str_bytes(p, (size_t)st.st_size);
	return 0;
}

int fd_read_file(const char *path, size_t max, struct str *out)
{
	/* nobody waits for a FIFO here */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r, saved;

	if (fd == -1)
		return -1;
	r = read_regular(fd, max, out);
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}
