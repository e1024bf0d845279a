/* Sealed memory files: what one process hands to others who shall not see it change. */
#ifndef BASE_MEMFD_H
#define BASE_MEMFD_H

#include <stdbool.h>

#include "base/str.h"

/* A memory file of that name with these bytes, sealed for good; yours. -1 with errno. */
int memfd_sealed(const char *name, struct str bytes);
/* Can nobody change it any more, its length included? */
bool memfd_is_sealed(int fd);

#endif
