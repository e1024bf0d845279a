/* The process table. See table.h. */
#include "table.h"

#include <linux/capability.h>

#include "proto/boot.h"

#define CAP(x) (1ull << CAP_##x)

const struct process processes[] = {
	{
	    .role = ROLE_LOG,
	    .program = "services-log",
	    .phase = 0,
	    .reload = RELOAD_IN_PLACE,
	    .calls = CALLS_READ | CALLS_WRITE,
	    .dirs = { { DIR_LOGS + 1, DIR_READ | DIR_WRITE } },
	    .nofile = 4096,
	},
	{
	    .role = ROLE_SPAWN,
	    .program = "master-spawn",
	    .phase = 1,
	    .reload = RELOAD_IN_PLACE,
	    .root_kept = true,
	    .caps = CAP(SETUID) | CAP(SETGID) | CAP(SYS_CHROOT) | CAP(CHOWN) | CAP(KILL),
	    .dirs = { { DIR_MAIL + 1, DIR_READ | DIR_WRITE } },
	    .nofile = 16384,
	},
	{
	    .role = ROLE_AUTH,
	    .program = "services-auth",
	    .phase = 1,
	    .reload = RELOAD_IN_PLACE,
	    .calls = CALLS_ACCEPT | CALLS_THREADS | CALLS_READ | CALLS_WRITE | CALLS_LMDB,
	    .dirs = { { DIR_ACCOUNTS + 1, DIR_READ | DIR_WRITE } },
	    .socket = "accounts",
	    .nofile = 1024,
	},
	{
	    .role = ROLE_SASL,
	    .program = "services-sasl",
	    .phase = 2,
	    .reload = RELOAD_SWAP,
	    .calls = CALLS_ACCEPT, /* of the Unix socket for servers of others */
	    .nofile = 2048,
	},
	{
	    .role = ROLE_PAM,
	    .program = "services-pam",
	    .phase = 2,
	    .reload = RELOAD_SWAP,
	    .sees_root = true,
	    .refuses = true,
	    .calls = CALLS_THREADS | CALLS_READ | CALLS_FOREIGN,
	    .dirs = { { DIR_PAM + 1, DIR_READ } },
	    .nofile = 256,
	},
	{
	    .role = ROLE_KEYS,
	    .program = "services-keys",
	    .phase = 1,
	    .reload = RELOAD_IN_PLACE,
	    .calls = CALLS_ACCEPT,
	    .socket = "keys",
	    .nofile = 1024,
	},
	{
	    .role = ROLE_LOOKUP,
	    .program = "services-lookup",
	    .phase = 1,
	    .reload = RELOAD_TRY,
	    .calls = LOOKUP_CALLS,
	    .dirs = { { DIR_TABLES + 1, DIR_READ } },
	    .nofile = LOOKUP_NOFILE,
	},
	{
	    .role = ROLE_NOTIFY,
	    .program = "services-notify",
	    .phase = 1,
	    .reload = RELOAD_IN_PLACE,
	    .nofile = 16384,
	},
	{
	    .role = ROLE_MAILDIR,
	    .program = "deliver-maildir",
	    .phase = 1,
	    .reload = RELOAD_SWAP,
	    .calls = CALLS_THREADS | CALLS_READ | CALLS_WRITE | CALLS_FSUID,
	    .caps = CAP(SETUID) | CAP(SETGID),
	    .dirs = { { DIR_MAIL + 1, DIR_READ | DIR_WRITE } },
	    .nofile = 4096,
	},
	{
	    .role = ROLE_REMOTE,
	    .program = "deliver-remote",
	    .phase = 1,
	    .reload = RELOAD_SWAP,
	    .calls = CALLS_CONNECT | CALLS_SOURCE,
	    .nofile = 16384,
	},
	{
	    .role = ROLE_RESOLVER,
	    .program = "services-resolver",
	    .phase = 1,
	    .reload = RELOAD_TRY,
	    .calls = CALLS_DNS,
	    .nofile = 4096,
	},
	{
	    .role = ROLE_FETCH,
	    .program = "services-fetch",
	    .phase = 1,
	    .reload = RELOAD_TRY,
	    .calls = CALLS_CONNECT,
	    .nofile = 1024,
	},
	{
	    .role = ROLE_POLICY,
	    .program = "services-policy",
	    .phase = 1,
	    .reload = RELOAD_IN_PLACE,
	    .calls = CALLS_ACCEPT | CALLS_READ | CALLS_WRITE | CALLS_LMDB,
	    .dirs = { { DIR_POLICIES + 1, DIR_READ | DIR_WRITE } },
	    .socket = "policy",
	    .nofile = 1024,
	},
	{
	    .role = ROLE_CREDENTIALS,
	    .program = "services-credentials",
	    .phase = 1,
	    .reload = RELOAD_IN_PLACE,
	    .calls = CALLS_READ | CALLS_WRITE,
	    .dirs = { { DIR_TOKENS + 1, DIR_READ | DIR_WRITE } },
	    .nofile = 256,
	},
	{
	    .role = ROLE_QUEUE,
	    .program = "queue",
	    .phase = 2,
	    .reload = RELOAD_IN_PLACE,
	    .calls = CALLS_ACCEPT | CALLS_THREADS | CALLS_MEMFD | CALLS_READ | CALLS_WRITE,
	    .dirs = { { DIR_SPOOL + 1, DIR_READ | DIR_WRITE } },
	    .socket = "queue",
	    .nofile = 16384,
	},
	{
	    .role = ROLE_SMTPD,
	    .program = "smtpd",
	    .phase = 3,
	    .reload = RELOAD_SWAP,
	    .calls = CALLS_ACCEPT,
	    .bodies = true,
	    .nofile = 16384,
	},
	{
	    .role = ROLE_LOCAL,
	    .program = "smtpd",
	    .phase = 3,
	    .reload = RELOAD_SWAP,
	    .calls = CALLS_ACCEPT,
	    .bodies = true,
	    .nofile = 4096,
	},
	{
	    .role = ROLE_SUBMIT,
	    .program = "smtpd",
	    .phase = 3,
	    .reload = RELOAD_SWAP,
	    .calls = CALLS_ACCEPT,
	    .bodies = true,
	    .nofile = 16384,
	},
	{
	    .role = ROLE_LOGIN,
	    .program = "imapd-login",
	    .phase = 3,
	    .reload = RELOAD_SWAP,
	    .calls = CALLS_ACCEPT | CALLS_PAIR,
	    .nofile = 16384,
	},
};
const size_t nprocesses = sizeof processes / sizeof *processes;

const struct process session_process = {
	.role = ROLE_SESSION,
	.program = "imapd-session",
	.calls = CALLS_THREADS | CALLS_READ | CALLS_WRITE | CALLS_LMDB,
	.dirs = { { DIR_MAIL + 1,
	    DIR_READ | DIR_WRITE } }, /* its home below it, which is its root */
	.nofile = 1024,
};

#define TO(role) ROLE_BIT(ROLE_##role)

const struct edge edges[] = {
	{ ROLE_SMTPD, TO(LOOKUP) | TO(QUEUE) | TO(KEYS) | TO(RESOLVER) },
	{ ROLE_LOCAL, TO(LOOKUP) | TO(QUEUE) },
	{ ROLE_SUBMIT, TO(LOOKUP) | TO(QUEUE) | TO(KEYS) | TO(RESOLVER) | TO(SASL) },
	{ ROLE_LOGIN, TO(KEYS) | TO(SASL) | TO(SPAWN) },
	{ ROLE_QUEUE, TO(LOOKUP) | TO(MAILDIR) | TO(REMOTE) | TO(RESOLVER) | TO(CREDENTIALS) },
	{ ROLE_REMOTE, TO(RESOLVER) | TO(POLICY) | TO(CREDENTIALS) | TO(KEYS) },
	{ ROLE_CREDENTIALS, TO(FETCH) },
	{ ROLE_POLICY, TO(RESOLVER) | TO(FETCH) | TO(QUEUE) | TO(KEYS) },
	{ ROLE_FETCH, TO(RESOLVER) },
	{ ROLE_MAILDIR, TO(NOTIFY) },
	{ ROLE_LOOKUP, TO(AUTH) },
	{ ROLE_SASL, TO(AUTH) },
	{ ROLE_AUTH, TO(SPAWN) | TO(FETCH) | TO(PAM) },
	{ ROLE_SPAWN, TO(NOTIFY) },
	{ ROLE_NONE, 0 },
};

const struct directory directories[DIRS] = {
	[DIR_SPOOL] = { "spool", ROLE_QUEUE, 0700, "thurn-spool" },
	[DIR_MAIL] = { "mail", ROLE_NONE, 0711, NULL },
	[DIR_TABLES] = { "tables", ROLE_NONE, 0755, NULL },
	[DIR_ACCOUNTS] = { "accounts", ROLE_AUTH, 0700, NULL },
	[DIR_LOGS] = { "logs", ROLE_LOG, 0750, NULL },
	[DIR_PAM] = { "pam", ROLE_NONE, 0, NULL },
	[DIR_POLICIES] = { "policies", ROLE_POLICY, 0700, NULL, true },
	[DIR_TOKENS] = { "tokens", ROLE_CREDENTIALS, 0700, NULL, true },
};
