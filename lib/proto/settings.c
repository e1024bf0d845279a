/*
 * The table of all settings: the parser, `thurn config`, and thurn.conf(5) come from it.
 *
 * To add one, add a row under its topic. `roles` names the programs that may see it; master and the
 * tools see everything. In help texts, words in `backquotes` are set in bold; the default and the
 * range are added by themselves, so do not repeat them. What depends on several settings at once is
 * checked in master/config/cross.c.
 */
#include "proto/conf.h"

#include "proto/role.h"

/* Where a packager's own places come from; the Makefile sets them. */
#ifndef THURN_STATEDIR
#define THURN_STATEDIR "/var"
#endif
#ifndef THURN_RUNDIR
#define THURN_RUNDIR "/run"
#endif
#ifndef THURN_ETCDIR
#define THURN_ETCDIR "/etc"
#endif

#define R(x)         ROLE_BIT(ROLE_##x)
#define ROLES_SMTP   (R(SMTPD) | R(LOCAL))
#define ROLES_ALL    (~0u)
#define ROLES_MASTER 0u

/* The system user of a role, and what master/config makes of it. */
#define USER_ROWS(heading, role, user, what)                                                       \
	{ .topic = heading,                                                                        \
		.name = "user_" role,                                                              \
		.type = SET_STR,                                                                   \
		.form = FORM_USER,                                                                 \
		.def = user,                                                                       \
		.roles = ROLES_MASTER,                                                             \
		.help = "System user that " what " runs as." },                                    \
	    { .name = "uid_" role,                                                                 \
		    .type = SET_INT,                                                               \
		    .origin = FROM_CONFIG,                                                         \
		    .max = UINT32_MAX,                                                             \
		    .def = "0",                                                                    \
		    .roles = ROLES_MASTER,                                                         \
		    .help = "Numeric user id of `user_" role "`; 0 when not started by root." },   \
	{                                                                                          \
		.name = "gid_" role, .type = SET_INT, .origin = FROM_CONFIG, .max = UINT32_MAX,    \
		.def = "0", .roles = ROLES_MASTER,                                                 \
		.help = "Numeric id of the primary group of `user_" role "`.",                     \
	}

static const struct setting table[] = {
	{ .topic = "Names",
	    .name = "hostname",
	    .type = SET_STR,
	    .form = FORM_HOST,
	    .def = "",
	    .roles = ROLES_ALL,
	    .help =
		"The name of this host in greetings, Received headers, Message-IDs and reports: "
		"fully qualified, and what the reverse lookup of its address says. When empty, the "
		"system's own name." },
	{ .name = "origin",
	    .type = SET_STR,
	    .form = FORM_HOST,
	    .def = "",
	    .roles = ROLES_SMTP | R(LOOKUP) | R(QUEUE),
	    .help = "Domain that is added to addresses without one. When empty, `hostname`." },

	{ .topic = "Directories",
	    .name = "spool_directory",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = THURN_STATEDIR "/spool/thurn",
	    .roles = ROLES_MASTER,
	    .help = "Messages on their way. On a local file system that keeps what was synced." },
	{ .name = "mail_directory",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = THURN_STATEDIR "/lib/thurn/mail",
	    .roles = ROLES_MASTER,
	    .help =
		"The homes of all mailboxes, one directory per domain, one per account below." },
	{ .name = "table_directory",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = THURN_ETCDIR "/thurn/tables",
	    .roles = ROLES_MASTER,
	    .help =
		"Lookup tables: text sources and what `thurn map` makes of them. Tables are named "
		"relative to it." },
	{ .name = "account_directory",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = THURN_STATEDIR "/lib/thurn/accounts",
	    .roles = ROLES_MASTER,
	    .help = "The account database and its change log, readable by one process only." },
	{ .name = "run_directory",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = THURN_RUNDIR "/thurn",
	    .roles = ROLES_MASTER,
	    .help = "Unix sockets of the running suite: control and local submission." },
	{ .name = "log_directory",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = THURN_STATEDIR "/log/thurn",
	    .roles = ROLES_MASTER,
	    .help = "Where `log_target` = file writes `thurn.log`." },

	{ .topic = "Logging",
	    .name = "log_target",
	    .type = SET_ENUM,
	    .choices = "file|stdout|syslog",
	    .def = "file",
	    .roles = R(LOG),
	    .help =
		"Where events go: `thurn.log` in `log_directory`, standard output of the suite, or "
		"the system log." },
	{ .name = "log_format",
	    .type = SET_ENUM,
	    .choices = "text|json",
	    .def = "text",
	    .roles = R(LOG),
	    .help =
		"`text` writes one line per event in the shape that log tools for Postfix read; "
		"`json` writes one object per line with every field." },
	{ .name = "log_level",
	    .type = SET_ENUM,
	    .choices = "debug|info|notice|warning|error",
	    .def = "info",
	    .roles = ROLES_ALL,
	    .help = "The least level that is logged." },
	{ .name = "log_syslog_socket",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = "/dev/log",
	    .roles = R(LOG),
	    .help = "Datagram socket of the system log." },

	{ .topic = "Processes",
	    .name = "shutdown_timeout",
	    .type = SET_TIME,
	    .def = "30s",
	    .min = 100,
	    .max = 3600 * 1000,
	    .roles = ROLES_ALL,
	    .help = "How long a stop waits for transactions and deliveries under way." },
	{ .name = "smtpd_workers",
	    .type = SET_INT,
	    .def = "2",
	    .min = 1,
	    .max = 64,
	    .roles = R(QUEUE),
	    .help = "Processes that share the SMTP listeners." },
	{ .name = "imap_workers",
	    .type = SET_INT,
	    .def = "2",
	    .min = 1,
	    .max = 64,
	    .roles = ROLES_MASTER,
	    .help = "Processes that hold IMAP connections before authentication." },

	{ .topic = "Accounts",
	    .name = "password_scheme",
	    .type = SET_ENUM,
	    .choices = "yescrypt|bcrypt|sha512",
	    .def = "yescrypt",
	    .roles = R(AUTH),
	    .help = "How new passwords are hashed; see crypt(5). Hashes of the other kinds stay valid." },
	{ .name = "password_cost",
	    .type = SET_INT,
	    .def = "0",
	    .min = 0,
	    .max = 999999999,
	    .roles = R(AUTH),
	    .help = "Work per hash, as crypt_gensalt(3) counts for the scheme: 1 to 11 for yescrypt, 4 to "
		    "31 for bcrypt, rounds for sha512. 0 is the library's default." },
	{ .name = "auth_threads",
	    .type = SET_INT,
	    .def = "0",
	    .min = 0,
	    .max = 32,
	    .roles = R(AUTH),
	    .help = "Passwords hashed at the same time; 0 means one per processor." },
	{ .name = "auth_waiting_max",
	    .type = SET_INT,
	    .def = "512",
	    .min = 1,
	    .max = 65536,
	    .roles = R(AUTH),
	    .help = "Password checks that may wait. Logins beyond that get a temporary error." },
	{ .name = "auth_tries_per_minute",
	    .type = SET_INT,
	    .def = "10",
	    .min = 0,
	    .max = 10000,
	    .roles = R(AUTH),
	    .help = "Wrong passwords per minute for one login from one client network (an IPv4 address "
		    "or an IPv6 /64), and five times as many for all logins from it. Further tries get a "
		    "temporary error without being looked at. 0 means no limit." },
	{ .name = "auth_default_domain",
	    .type = SET_STR,
	    .form = FORM_HOST,
	    .def = "",
	    .roles = R(AUTH),
	    .help = "Domain of logins that name none. When empty, such logins fail." },
	{ .name = "mailbox_uid",
	    .type = SET_INT,
	    .def = "0",
	    .min = 0,
	    .max = INT32_MAX - 1,
	    .roles = R(AUTH),
	    .help = "0 gives each new mailbox a user id of its own. Another number is shared by all new "
		    "mailboxes, which is weaker: only the sandbox keeps them apart then. Without root "
		    "all mail belongs to whoever runs the suite." },
	{ .name = "mailbox_gid",
	    .type = SET_INT,
	    .def = "0",
	    .min = 0,
	    .max = INT32_MAX - 1,
	    .roles = R(AUTH),
	    .help = "Group of the mailboxes when `mailbox_uid` is set; 0 means the same number." },

	{ .topic = "IMAP",
	    .name = "imap_allow_plaintext_auth",
	    .type = SET_BOOL,
	    .def = "no",
	    .roles = R(LOGIN),
	    .help = "Accept passwords over connections that are not encrypted and not from this host." },
	{ .name = "imap_login_timeout",
	    .type = SET_TIME,
	    .def = "60s",
	    .min = 100,
	    .max = 3600 * 1000,
	    .roles = R(LOGIN),
	    .help = "How long a connection may stay without logging in." },
	{ .name = "imap_failure_delay",
	    .type = SET_TIME,
	    .def = "2s",
	    .min = 0,
	    .max = 60 * 1000,
	    .roles = R(LOGIN),
	    .help = "The answer to a wrong login comes this long after the command, however fast it was "
		    "found wrong." },
	{ .name = "imap_login_connections",
	    .type = SET_INT,
	    .def = "8000",
	    .min = 1,
	    .max = 1000000,
	    .roles = R(LOGIN),
	    .help = "Connections per worker that may wait before authentication." },
	{ .name = "imap_sessions",
	    .type = SET_INT,
	    .def = "5000",
	    .min = 1,
	    .max = 100000,
	    .roles = R(SESSION),
	    .help = "IMAP sessions of all accounts together." },
	{ .name = "imap_sessions_per_account",
	    .type = SET_INT,
	    .def = "50",
	    .min = 1,
	    .max = 10000,
	    .roles = R(SESSION),
	    .help = "IMAP sessions that one account may have at the same time." },

	{ .topic = "Who may send",
	    .name = "trusted_networks",
	    .type = SET_LIST,
	    .form = FORM_NETWORK,
	    .def = "127.0.0.0/8 ::1",
	    .roles = ROLES_SMTP | R(LOOKUP) | R(LOGIN),
	    .help = "Clients that may send mail to any domain." },
	{ .name = "message_size_limit",
	    .type = SET_SIZE,
	    .def = "50M",
	    .min = 64 * 1024,
	    .max = INT64_C(1) << 40,
	    .roles = ROLES_SMTP | R(QUEUE) | R(SESSION),
	    .help = "The largest message that is accepted, in bytes as sent." },

	{ .topic = "Mailboxes",
	    .name = "mailbox_uid_min",
	    .type = SET_INT,
	    .def = "1879048192",
	    .min = 100,
	    .max = INT32_MAX,
	    .roles = R(AUTH) | R(LOOKUP) | R(MAILDIR),
	    .help = "The least user id that owns a mailbox. No process of the suite ever acts as a user "
		    "below it. Lower it to deliver to system users." },
	{ .name = "mailbox_uid_max",
	    .type = SET_INT,
	    .def = "2147483646",
	    .min = 100,
	    .max = INT32_MAX,
	    .roles = R(AUTH) | R(LOOKUP) | R(MAILDIR),
	    .help = "The greatest user id that owns a mailbox." },
	{ .name = "maildir_threads",
	    .type = SET_INT,
	    .def = "20",
	    .min = 1,
	    .max = 200,
	    .roles = R(MAILDIR) | R(QUEUE),
	    .help = "How many messages are written into mailboxes at the same time. Most of that time "
		    "is waiting for the disk, which many can share." },

	{ .topic = "Delivery to other hosts",
	    .name = "static_hosts",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(REMOTE),
	    .help = "Addresses of next hops that are named in routes, as `name=address` or "
		    "`name=address,address`: tried in that order." },
	{ .name = "remote_connections",
	    .type = SET_INT,
	    .def = "200",
	    .min = 1,
	    .max = 10000,
	    .roles = R(REMOTE),
	    .help = "Connections to other hosts at the same time, idle ones included." },
	{ .name = "remote_idle_time",
	    .type = SET_TIME,
	    .def = "3s",
	    .max = 300 * 1000,
	    .roles = R(REMOTE),
	    .help = "How long a connection waits for more mail to the same next hop; 0 closes it after "
		    "each message." },
	{ .name = "remote_messages",
	    .type = SET_INT,
	    .def = "200",
	    .min = 1,
	    .max = 1000000,
	    .roles = R(REMOTE),
	    .help = "Messages over one connection, if the other side does not announce less." },
	{ .name = "remote_connect_timeout",
	    .type = SET_TIME,
	    .def = "30s",
	    .min = 10,
	    .max = 3600 * 1000,
	    .roles = R(REMOTE),
	    .help = "How long one address may take to accept a connection." },
	{ .name = "remote_command_timeout",
	    .type = SET_TIME,
	    .def = "5m",
	    .min = 10,
	    .max = 3600 * 1000,
	    .roles = R(REMOTE),
	    .help = "How long the greeting and the answers to EHLO, MAIL and RCPT may take." },
	{ .name = "remote_data_timeout",
	    .type = SET_TIME,
	    .def = "3m",
	    .min = 10,
	    .max = 3600 * 1000,
	    .roles = R(REMOTE),
	    .help = "How long the answer to DATA, or the taking of a block of the message, may take." },
	{ .name = "remote_final_timeout",
	    .type = SET_TIME,
	    .def = "10m",
	    .min = 10,
	    .max = 3600 * 1000,
	    .roles = R(REMOTE),
	    .help = "How long the answer to a complete message may take. Shorter than the default means "
		    "that slow hosts get mail twice." },

	USER_ROWS("System users", "log", "thurn-log", "the log writer"),
	USER_ROWS(NULL, "lookup", "thurn-lookup", "the table and routing service"),
	USER_ROWS(NULL, "auth", "thurn-auth", "the account service"),
	USER_ROWS(NULL, "notify", "thurn-notify", "the mailbox change service"),
	USER_ROWS(NULL, "queue", "thurn-queue", "the queue manager"),
	USER_ROWS(NULL, "deliver_maildir", "thurn-maildir", "delivery into mailboxes"),
	USER_ROWS(NULL, "deliver_remote", "thurn-remote", "delivery to other hosts"),
	USER_ROWS(NULL, "smtpd", "thurn-smtpd", "the SMTP server"),
	USER_ROWS(NULL, "smtpd_local", "thurn-local", "the server of the local submission socket"),
	USER_ROWS(NULL, "imapd_login", "thurn-login", "the IMAP server before authentication"),

	{ .topic = "Listeners",
	    .section = "listener",
	    .name = "service",
	    .type = SET_ENUM,
	    .choices = "smtp|imap",
	    .def = "smtp",
	    .roles = R(SMTPD) | R(LOGIN) | R(LOOKUP),
	    .help = "What is spoken there." },
	{ .section = "listener",
	    .name = "address",
	    .type = SET_LIST,
	    .form = FORM_ADDRESS,
	    .def = "0.0.0.0 ::",
	    .roles = R(SMTPD) | R(LOGIN),
	    .help = "Numeric addresses to listen at. A family that the kernel does not have is "
		    "left out." },
	{ .section = "listener",
	    .name = "port",
	    .type = SET_INT,
	    .def = "0",
	    .min = 0,
	    .max = 65535,
	    .roles = R(SMTPD) | R(LOGIN),
	    .help = "The port; 0 is the service's own: 25 for `smtp`, 143 for `imap`." },
};

enum { ROWS = sizeof table / sizeof table[0] };

const struct setting *settings_table(size_t *n)
{
	*n = ROWS;
	return table;
}
