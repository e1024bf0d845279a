/* What a listener can speak. One row makes a service known to the whole suite. */
#ifndef PROTO_SERVICE_H
#define PROTO_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "proto/role.h"

struct service {
	const char *name;
	enum role role; /* who serves it */
	const char *workers; /* setting that says how many of them; NULL = one */
	uint16_t port; /* unless another is set; 0 = none */
	const char
	    *alpn; /* what clients call the protocol under TLS (RFC 7301); NULL = never TLS */
	bool implicit; /* TLS from the first byte (RFC 8314) */
};

/* The service of that name, or NULL. */
const struct service *service_find(struct str name);
/* How many processes play that role: the name of the setting, or NULL = one. */
const char *service_workers(enum role role);

#endif
