/* What a listener can speak. One row makes a service known to the whole suite. */
#ifndef CONFIG_SERVICE_H
#define CONFIG_SERVICE_H

#include <stdint.h>

#include "base/str.h"
#include "proto/role.h"

struct service {
	const char *name;
	enum role role; /* who serves it */
	const char *workers; /* setting that says how many of them; NULL = one */
	uint16_t port; /* unless another is set; 0 = none */
};

/* The service of that name, or NULL. */
const struct service *service_find(struct str name);
/* How many processes play that role: the name of the setting, or NULL = one. */
const char *service_workers(enum role role);

#endif
