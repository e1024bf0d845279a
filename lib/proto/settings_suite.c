/* Settings of the suite as a whole: its names, directories, log and processes. */
#include "proto/settings.h"

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

static const struct setting rows[] = {
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
	{ .name = "policy_directory",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = THURN_STATEDIR "/lib/thurn/policies",
	    .roles = ROLES_MASTER,
	    .help = "Policies that other domains publish, readable by one process only." },
	{ .name = "token_directory",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = THURN_STATEDIR "/lib/thurn/tokens",
	    .roles = ROLES_MASTER,
	    .help = "Refresh tokens with which token endpoints have replaced those of "
		    "`remote_credentials`, readable by one process only." },
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
	{ .name = "sandbox_action",
	    .type = SET_ENUM,
	    .choices = "kill|refuse",
	    .def = "kill",
	    .roles = ROLES_MASTER,
	    .help =
		"What happens to a process that makes a system call outside of its sandbox: it is "
		"ended, or the call fails." },
	{ .name = "smtpd_workers",
	    .type = SET_INT,
	    .def = "1",
	    .min = 1,
	    .max = 64,
	    .roles = R(QUEUE),
	    .help =
		"Processes that share the SMTP listeners. One for every two processors is enough: "
		"what comes behind SMTP costs more, and fewer of them wake each other up less." },
	{ .name = "submission_workers",
	    .type = SET_INT,
	    .def = "1",
	    .min = 1,
	    .max = 64,
	    .roles = ROLES_MASTER,
	    .help = "Processes that share the submission listeners. They never share anything with "
		    "those of `smtpd_workers`. One makes more than a thousand TLS handshakes a "
		    "second; each more is woken by every connection." },
	{ .name = "imap_workers",
	    .type = SET_INT,
	    .def = "2",
	    .min = 1,
	    .max = 64,
	    .roles = ROLES_MASTER,
	    .help = "Processes that hold IMAP connections before authentication." },
};

struct setting_rows settings_suite(void)
{
	return SETTING_ROWS(rows);
}
