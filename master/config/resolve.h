/* What is worked out rather than set: the host's name, ports of services, ids of system users. */
#ifndef CONFIG_RESOLVE_H
#define CONFIG_RESOLVE_H

#include "faults.h"
#include "proto/conf.h"

/* host = the system's own name. users: started by root, so the system users must exist. */
void resolve(struct conf *c, const char *host, bool users, struct faults *f);

#endif
