/* Names of the roles. See role.h. */
#include "proto/role.h"

static const char *const names[ROLE_MAX] = {
	[ROLE_NONE] = "none",
	[ROLE_MASTER] = "master",
	[ROLE_CONFIG] = "config",
	[ROLE_SPAWN] = "spawn",
	[ROLE_LOG] = "log",
	[ROLE_LOOKUP] = "lookup",
	[ROLE_KEYS] = "keys",
	[ROLE_AUTH] = "auth",
	[ROLE_SASL] = "sasl",
	[ROLE_PAM] = "pam",
	[ROLE_NOTIFY] = "notify",
	[ROLE_QUEUE] = "queue",
	[ROLE_MAILDIR] = "deliver-maildir",
	[ROLE_REMOTE] = "deliver-remote",
	[ROLE_RESOLVER] = "resolver",
	[ROLE_FETCH] = "fetch",
	[ROLE_POLICY] = "policy",
	[ROLE_CREDENTIALS] = "credentials",
	[ROLE_SMTPD] = "smtpd",
	[ROLE_LOCAL] = "smtpd-local",
	[ROLE_SUBMIT] = "smtpd-submit",
	[ROLE_LOGIN] = "imapd-login",
	[ROLE_SESSION] = "imapd-session",
	[ROLE_TOOL] = "tool",
};

const char *role_name(enum role r)
{
	return r < ROLE_MAX ? names[r] : "unknown";
}
