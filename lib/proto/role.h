/*
 * The roles that processes play. A role names the two ends of a channel, the row of
 * master/table.c, and the settings a process may see.
 */
#ifndef PROTO_ROLE_H
#define PROTO_ROLE_H

#include <stdint.h>

enum role {
	ROLE_NONE,
	ROLE_MASTER,
	ROLE_CONFIG,
	ROLE_SPAWN,
	ROLE_LOG,
	ROLE_LOOKUP,
	ROLE_KEYS,
	ROLE_AUTH,
	ROLE_SASL,
	ROLE_PAM,
	ROLE_NOTIFY,
	ROLE_QUEUE,
	ROLE_MAILDIR, /* deliver/maildir */
	ROLE_REMOTE, /* deliver/remote */
	ROLE_RESOLVER, /* services/resolver */
	ROLE_FETCH, /* services/fetch */
	ROLE_POLICY, /* services/policy */
	ROLE_CREDENTIALS, /* services/credentials */
	ROLE_SMTPD, /* port 25 */
	ROLE_LOCAL, /* smtpd for the local submission socket */
	ROLE_SUBMIT, /* smtpd for submission by authenticated users */
	ROLE_LOGIN, /* imapd/login */
	ROLE_SESSION, /* imapd/session, started by spawn */
	ROLE_TOOL, /* a command-line tool at a control socket */
	ROLE_MAX,
};

#define ROLE_BIT(r) (1u << (r))

/* The name in logs, status and configuration: "smtpd", "imapd-login", ... */
const char *role_name(enum role r);

#endif
