/* Sealed memory files. See memfd.h. */
#include "base/memfd.h"

#include <sys/mman.h>
#include <unistd.h>

int memfd_sealed(const char *name, struct str bytes)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	while (fd != -1 && bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n <= 0)
			goto fail;
		bytes = str_skip(bytes, (size_t)n);
	}
	if (fd == -1 || fcntl(fd, F_ADD_SEALS, MEMFD_SEALS) == 0)
		return fd;
fail:
	close(fd);
	return -1;
}
