/* The settings of this program, read once and again at a reload. */
#ifndef REMOTE_SETTINGS_H
#define REMOTE_SETTINGS_H

#include <stdint.h>

#include "proto/conf.h"
#include "proto/credentials.h"
#include "site.h"

struct settings {
	char hostname[256]; /* for EHLO */
	uint16_t port; /* of hosts without one */
	struct families families;
	bool sts; /* MTA-STS policies are asked for */
	bool reports; /* services/policy is told how TLS went */
	unsigned connections; /* open at the same time */
	unsigned messages; /* over one connection */
	uint64_t idle; /* all times in milliseconds */
	uint64_t connect, command, data, final;
	uint64_t plain; /* how long an address at which TLS failed is spoken to without */
	bool auth_plain_loopback; /* logins there need no TLS */
	uint64_t auth_refused; /* how long a login that was refused is not tried */
	enum login_mechanism mechanisms[LOGIN_MECHANISMS]; /* the first that is offered */
	unsigned nmechanisms;
	uint64_t dead; /* how long an address that failed is tried last */
};

void settings_read(const struct conf *c);
const struct settings *settings(void);

#endif
