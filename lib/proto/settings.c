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
	USER_ROWS(NULL, "config", "thurn-config", "the reader of the configuration"),

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
