/* Sealed memory files: what one process hands to others who shall not see it change. */
#ifndef BASE_MEMFD_H
#define BASE_MEMFD_H

#include <fcntl.h>
#include <stdbool.h>

#include "base/str.h"

enum { MEMFD_SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

/* A memory file of that name with these bytes, sealed for good; yours. -1 with errno. */
int memfd_sealed(const char *name, struct str bytes);
/* Can nobody change it any more, its length included? */
static inline bool memfd_is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals != -1 && (seals & MEMFD_SEALS) == MEMFD_SEALS;
}

#endif
