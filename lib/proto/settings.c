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
#define ROLES_SMTP   (R(SMTPD) | R(LOCAL) | R(SUBMIT))
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
	    .def = "2",
	    .min = 1,
	    .max = 64,
	    .roles = ROLES_MASTER,
	    .help = "Processes that share the submission listeners. They never share anything with "
		    "those of `smtpd_workers`." },
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
	    .help = "How new passwords are hashed; see crypt(5). Hashes of the other kinds stay "
		    "valid." },
	{ .name = "password_cost",
	    .type = SET_INT,
	    .def = "0",
	    .min = 0,
	    .max = 999999999,
	    .roles = R(AUTH),
	    .help = "Work per hash, as crypt_gensalt(3) counts for the scheme: 1 to 11 for "
		    "yescrypt, 4 to "
		    "31 for bcrypt, rounds for sha512. 0 is the library's default." },
	{ .name = "sasl_mechanisms",
	    .type = SET_LIST,
	    .def = "PLAIN LOGIN",
	    .roles = R(SASL),
	    .help = "SASL mechanisms that servers offer, in this order. `PLAIN` and `LOGIN` are "
		    "offered "
		    "on encrypted connections and to this host only." },
	{ .name = "scram_iterations",
	    .type = SET_INT,
	    .def = "10000",
	    .min = 4096,
	    .max = 1000000,
	    .roles = R(AUTH),
	    .help = "Work per key of SCRAM, RFC 5802. It is done once per password here, and by "
		    "the client "
		    "at each login." },
	{ .name = "auth_master_users",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(AUTH),
	    .help = "Accounts that may log in as any other, for tools that move mail: as "
		    "`user@domain*master@domain`, with the master's password." },
	{ .name = "oauth_keys",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(AUTH),
	    .help =
		"Public keys of who issues tokens for `OAUTHBEARER` and `XOAUTH2`, each in one "
		"line: the "
		"base64 of a PEM file between its first and last line, of RSA (for RS256), ECDSA "
		"P-256 (ES256) or Ed25519 (EdDSA)." },
	{ .name = "oauth_issuer",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(AUTH),
	    .help = "What `iss` of a token must be; when empty, no token is taken." },
	{ .name = "oauth_audience",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(AUTH),
	    .help = "What `aud` of a token must name; when empty, no token is taken." },
	{ .name = "oauth_scope",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(AUTH) | R(SASL),
	    .help = "What must be among the scopes of a token, unless it is empty." },
	{ .name = "oauth_login_claim",
	    .type = SET_STR,
	    .def = "email",
	    .roles = R(AUTH),
	    .help = "The claim of a token that names the account." },
	{ .name = "oauth_configuration_url",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(SASL),
	    .help = "Where clients whose token is refused find out how to get another (RFC 7628 "
		    "3.2.2)." },
	{ .name = "dovecot_auth_uids",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(SASL),
	    .help =
		"Numeric ids of the system users, besides root, that may ask for logins at the "
		"path of "
		"a listener with the service `dovecot`: those that Postfix's or Exim's server runs "
		"as." },
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
	    .help =
		"Wrong passwords per minute for one login from one client network (an IPv4 address "
		"or an IPv6 /64), five times as many for all logins from it, and twice as many for "
		"one "
		"login from all networks where it has not succeeded before. Further tries get a "
		"temporary error without being looked at. 0 means no limit." },
	{ .name = "auth_default_domain",
	    .type = SET_STR,
	    .form = FORM_HOST,
	    .def = "",
	    .roles = R(AUTH) | R(LOOKUP),
	    .help = "Domain of logins that name none. When empty, such logins fail." },
	{ .name = "mailbox_uid",
	    .type = SET_INT,
	    .def = "0",
	    .min = 0,
	    .max = INT32_MAX - 1,
	    .roles = R(AUTH),
	    .help =
		"0 gives each new mailbox a user id of its own. Another number is shared by all "
		"new "
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
	    .help = "Accept passwords over connections that are not encrypted and not from this "
		    "host." },
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
	    .help = "The answer to a wrong login comes this long after the command, however fast "
		    "it was "
		    "found wrong." },
	{ .name = "imap_login_connections",
	    .type = SET_INT,
	    .def = "8000",
	    .min = 1,
	    .max = 1000000,
	    .roles = R(LOGIN),
	    .help = "Connections per worker that may wait before authentication." },
	{ .name = "imap_client_connections",
	    .type = SET_INT,
	    .def = "100",
	    .min = 0,
	    .max = 1000000,
	    .roles = R(LOGIN),
	    .help = "Connections of one client among them: of an IPv4 address or an IPv6 /64, and "
		    "not of "
		    "`trusted_networks`; 0 means no limit." },
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
	{ .name = "client_access",
	    .type = SET_LIST,
	    .def = "",
	    .roles = ROLES_SMTP | R(LOOKUP),
	    .help = "Tables of access(5) rules for the addresses of clients, as `cidr:clients`." },
	{ .name = "helo_access",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Tables of access(5) rules for the names that clients give at HELO and EHLO." },
	{ .name = "sender_access",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Tables of access(5) rules for envelope senders; `<>` is the key of the empty "
		    "one." },
	{ .name = "recipient_access",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Tables of access(5) rules for recipients. OK lets nobody relay who could not "
		    "otherwise." },
	{ .name = "message_size_limit",
	    .type = SET_SIZE,
	    .def = "50M",
	    .min = 64 * 1024,
	    .max = INT64_C(1) << 40,
	    .roles = ROLES_SMTP | R(QUEUE) | R(SESSION),
	    .help = "The largest message that is accepted, in bytes as sent." },

	{ .topic = "SMTP server",
	    .name = "smtp_command_timeout",
	    .type = SET_TIME,
	    .def = "5m",
	    .min = 100,
	    .max = 3600 * 1000,
	    .roles = ROLES_SMTP,
	    .help = "How long a client may take to send one whole command. RFC 5321 asks for five "
		    "minutes." },
	{ .name = "smtp_data_timeout",
	    .type = SET_TIME,
	    .def = "3m",
	    .min = 100,
	    .max = 3600 * 1000,
	    .roles = ROLES_SMTP,
	    .help = "While a message is received, `smtp_data_minimum` bytes have to arrive in each "
		    "such "
		    "period." },
	{ .name = "smtp_data_minimum",
	    .type = SET_SIZE,
	    .def = "4k",
	    .min = 1,
	    .max = 1024 * 1024,
	    .roles = ROLES_SMTP,
	    .help = "See `smtp_data_timeout`." },
	{ .name = "smtp_greeting_delay",
	    .type = SET_TIME,
	    .def = "0",
	    .min = 0,
	    .max = 60 * 1000,
	    .roles = ROLES_SMTP,
	    .help = "How long clients outside of `trusted_networks` wait for the greeting. Whoever "
		    "talks "
		    "before it is sent away." },
	{ .name = "smtp_connections",
	    .type = SET_INT,
	    .def = "8000",
	    .min = 1,
	    .max = 1000000,
	    .roles = ROLES_SMTP,
	    .help =
		"Connections per worker; further ones are told to come back later. Fewer when the "
		"limit of descriptors is lower." },
	{ .name = "smtp_recipients",
	    .type = SET_INT,
	    .def = "1000",
	    .min = 100,
	    .max = 1000,
	    .roles = ROLES_SMTP,
	    .help = "Recipients of one message." },
	{ .name = "smtp_messages",
	    .type = SET_INT,
	    .def = "10000",
	    .min = 1,
	    .max = 1000000,
	    .roles = ROLES_SMTP,
	    .help = "Messages over one connection." },
	{ .name = "smtp_errors",
	    .type = SET_INT,
	    .def = "20",
	    .min = 1,
	    .max = 100000,
	    .roles = ROLES_SMTP,
	    .help = "Refused commands and recipients, after which a connection is closed." },
	{ .name = "smtp_hops",
	    .type = SET_INT,
	    .def = "50",
	    .min = 10,
	    .max = 1000,
	    .roles = ROLES_SMTP,
	    .help = "A message with more Received fields than that is in a loop and refused." },
	{ .name = "smtp_client_names",
	    .type = SET_BOOL,
	    .def = "yes",
	    .roles = ROLES_SMTP,
	    .help =
		"Whether the name of a client is looked up: the one that the reverse zone of its "
		"address says, if it leads back to that address. It stands in Received fields and "
		"in the log, and access rules for clients can name it. Clients in "
		"`trusted_networks` do not wait for it." },
	{ .name = "reject_unknown_clients",
	    .type = SET_ENUM,
	    .choices = "no|reverse|confirmed",
	    .def = "no",
	    .roles = R(LOOKUP),
	    .help = "Refuse mail (550 5.7.25) of clients whose address has no name (`reverse`), or "
		    "none "
		    "that leads back to it (`confirmed`); temporarily while DNS fails. It needs "
		    "`smtp_client_names`." },
	{ .name = "smtp_client_connections",
	    .type = SET_INT,
	    .def = "50",
	    .min = 0,
	    .max = 1000000,
	    .roles = ROLES_SMTP,
	    .help = "Connections that one client may have at the same time. This and the following "
		    "limits count per worker, for an IPv4 address or an IPv6 /64, and not for "
		    "clients in "
		    "`trusted_networks`; 0 means no limit." },
	{ .name = "smtp_client_connection_rate",
	    .type = SET_INT,
	    .def = "0",
	    .min = 0,
	    .max = 1000000,
	    .roles = ROLES_SMTP,
	    .help = "Connections of one client per minute." },
	{ .name = "smtp_client_message_rate",
	    .type = SET_INT,
	    .def = "0",
	    .min = 0,
	    .max = 1000000,
	    .roles = ROLES_SMTP,
	    .help = "Messages of one client per minute." },
	{ .name = "smtp_client_recipient_rate",
	    .type = SET_INT,
	    .def = "0",
	    .min = 0,
	    .max = 1000000,
	    .roles = ROLES_SMTP,
	    .help = "Recipients that one client may ask for per minute, whether they are taken or "
		    "not." },
	{ .name = "smtp_client_error_rate",
	    .type = SET_INT,
	    .def = "300",
	    .min = 0,
	    .max = 1000000,
	    .roles = ROLES_SMTP,
	    .help = "Refused commands and recipients of one client per minute, over all its "
		    "connections." },
	{ .name = "smtp_normalise_networks",
	    .type = SET_LIST,
	    .form = FORM_NETWORK,
	    .def = "",
	    .roles = ROLES_SMTP,
	    .help =
		"Clients whose broken line ends (LF or CR alone) are repaired. Others are refused, "
		"because a line end that two servers read differently hides a second message." },
	{ .name = "smtp_xclient_networks",
	    .type = SET_LIST,
	    .form = FORM_NETWORK,
	    .def = "",
	    .roles = ROLES_SMTP,
	    .help = "Clients that may say XCLIENT, and so speak in the name of any client." },
	{ .name = "smtp_proxy_networks",
	    .type = SET_LIST,
	    .form = FORM_NETWORK,
	    .def = "",
	    .roles = ROLES_SMTP,
	    .help = "Proxies: a connection from there has to begin with a header of the PROXY "
		    "protocol, "
		    "version 1 or 2, which names the client." },

	{ .topic = "Submission",
	    .name = "submission_client_access",
	    .type = SET_LIST,
	    .def = "",
	    .roles = ROLES_SMTP | R(LOOKUP),
	    .help = "Tables of access(5) rules for the addresses that users connect from. "
		    "`client_access` and `helo_access` do not count for them." },
	{ .name = "submission_plaintext_auth",
	    .type = SET_BOOL,
	    .def = "no",
	    .roles = ROLES_SMTP,
	    .help = "Let clients on this host log in over connections that are not encrypted: for "
		    "tests, "
		    "and for a proxy here that takes off the encryption. Others never can." },
	{ .name = "submission_failure_delay",
	    .type = SET_TIME,
	    .def = "2s",
	    .min = 0,
	    .max = 60 * 1000,
	    .roles = ROLES_SMTP,
	    .help = "The answer to a wrong login comes this long after the command, however fast "
		    "it was "
		    "found wrong." },
	{ .name = "submission_size_limit",
	    .type = SET_SIZE,
	    .def = "0",
	    .max = INT64_C(1) << 40,
	    .roles = ROLES_SMTP,
	    .help = "The largest message that users may submit; 0, or anything above it, is "
		    "`message_size_limit`." },
	{ .name = "submission_recipients",
	    .type = SET_INT,
	    .def = "1000",
	    .min = 1,
	    .max = 1000,
	    .roles = ROLES_SMTP,
	    .help = "Recipients of one submitted message." },
	{ .name = "login_hourly_limit",
	    .type = SET_INT,
	    .def = "1000",
	    .min = 0,
	    .max = 1000000000,
	    .roles = R(QUEUE),
	    .help = "Recipients at other hosts that one login may send to within an hour, by "
		    "submission or "
		    "from this host (root excepted), unless its account says otherwise. Beyond it, "
		    "messages are refused until the hour is over. 0 means no limit." },
	{ .name = "login_daily_limit",
	    .type = SET_INT,
	    .def = "5000",
	    .min = 0,
	    .max = 1000000000,
	    .roles = R(QUEUE),
	    .help = "The same within a day." },
	{ .name = "login_limit_notice",
	    .type = SET_INT,
	    .def = "80",
	    .min = 0,
	    .max = 100,
	    .roles = R(QUEUE),
	    .help = "Percent of either limit at which the owner of a login gets a message about "
		    "it, once "
		    "an hour or day. 0 means never." },
	{ .name = "submission_hold_limit",
	    .type = SET_TIME,
	    .def = "30d",
	    .max = INT64_C(366) * 86400 * 1000,
	    .roles = ROLES_SMTP,
	    .help = "The longest time that a user may have a message kept back before it is sent "
		    "(FUTURERELEASE, RFC 4865); 0 turns that off." },
	{ .name = "submission_bind_sender",
	    .type = SET_BOOL,
	    .def = "yes",
	    .roles = ROLES_SMTP,
	    .help =
		"Users may send in their own name only: the sender of the envelope, and each "
		"address "
		"in From and Sender, has to be their account, an alias that leads to it alone, or "
		"theirs by `sender_login_maps`." },
	{ .name = "sender_login_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Tables that say which logins may send as an address, as "
		    "`smtpd_sender_login_maps` of Postfix: keys are user@domain or @domain, values "
		    "are logins separated by commas or blanks." },
	{ .name = "submission_hide_client",
	    .type = SET_BOOL,
	    .def = "yes",
	    .roles = ROLES_SMTP,
	    .help =
		"Leave the address and the name of a user's device out of the Received field. The "
		"log has them." },

	{ .topic = "Domains",
	    .name = "local_domains",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Domains whose recipients are the names in `alias_maps` and the accounts in "
		    "them. Items "
		    "of this and the next lists are domains, `.domain` for everything below it, or "
		    "tables as "
		    "`hash:domains`, whose keys are domains. When empty, `hostname` and localhost, "
		    "unless "
		    "they are listed elsewhere. No domain may be in two of the lists." },
	{ .name = "mailbox_domains",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Domains whose recipients are accounts." },
	{ .name = "virtual_alias_domains",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Domains all of whose recipients stand in `virtual_alias_maps`." },
	{ .name = "relay_domains",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help =
		"Domains whose mail is accepted from everybody and passed on to another host." },
	{ .name = "relay_recipient_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Tables whose keys are the recipients in `relay_domains`. When empty, all are "
		    "taken to "
		    "exist." },
	{ .name = "postmaster",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(LOOKUP) | R(QUEUE),
	    .help = "Address that gets the mail to postmaster in every own domain where neither a "
		    "table nor "
		    "an account has that name, and hears of bounces that cannot be delivered; for "
		    "those, "
		    "when empty, postmaster at `hostname`." },

	{ .topic = "Rewriting and routing",
	    .name = "recipient_delimiter",
	    .type = SET_STR,
	    .def = "+",
	    .roles = R(LOOKUP),
	    .help =
		"Characters of which the first in a local part separates the name from an "
		"extension "
		"(user+lists). The whole is looked up first, then the name. Empty: none does." },
	{ .name = "canonical_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Tables that replace envelope addresses, of senders and recipients." },
	{ .name = "sender_canonical_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "The same for senders only, before `canonical_maps`." },
	{ .name = "recipient_canonical_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "The same for recipients only, before `canonical_maps`." },
	{ .name = "virtual_alias_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Tables that replace recipients of any domain by others, again and again, as "
		    "virtual(5) of Postfix." },
	{ .name = "alias_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Tables of aliases(5) for names in `local_domains`, as `hash:aliases`." },
	{ .name = "alias_depth_limit",
	    .type = SET_INT,
	    .def = "50",
	    .min = 1,
	    .max = 1000,
	    .roles = R(LOOKUP),
	    .help = "Aliases that may lead to aliases, before it is taken for a loop." },
	{ .name = "alias_expansion_limit",
	    .type = SET_INT,
	    .def = "100000",
	    .min = 1,
	    .max = 1000000,
	    .roles = R(LOOKUP),
	    .help = "Recipients that one may become. Beyond it the message waits and the log says "
		    "why." },
	{ .name = "transport_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Tables of transport(5) rules: how mail for an address or a domain goes on." },
	{ .name = "relayhost",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Host that gets all mail for other domains, as `[host]:port` or `domain`." },
	{ .name = "account_cache",
	    .type = SET_INT,
	    .def = "65536",
	    .min = 16,
	    .max = 10000000,
	    .roles = R(LOOKUP),
	    .help =
		"Accounts that the routing service remembers; it hears at once when one changes." },

	{ .topic = "The queue",
	    .name = "minimal_backoff",
	    .type = SET_TIME,
	    .def = "300s",
	    .min = 1000,
	    .max = INT64_C(7) * 86400 * 1000,
	    .roles = R(QUEUE),
	    .help =
		"How long a message waits after its first failed try. The wait grows with the age "
		"of the message, and varies by an eighth." },
	{ .name = "maximal_backoff",
	    .type = SET_TIME,
	    .def = "4000s",
	    .min = 1000,
	    .max = INT64_C(7) * 86400 * 1000,
	    .roles = R(QUEUE),
	    .help =
		"The longest wait between two tries, and the longest suspension of a destination "
		"that does not answer." },
	{ .name = "queue_lifetime",
	    .type = SET_TIME,
	    .def = "5d",
	    .max = INT64_C(100) * 86400 * 1000,
	    .roles = R(QUEUE),
	    .help = "After that time a message is returned as undeliverable. 0: after one try." },
	{ .name = "bounce_lifetime",
	    .type = SET_TIME,
	    .def = "5d",
	    .max = INT64_C(100) * 86400 * 1000,
	    .roles = R(QUEUE),
	    .help = "The same for messages from the null sender." },
	{ .name = "delay_warning",
	    .type = SET_TIME,
	    .def = "0s",
	    .max = INT64_C(100) * 86400 * 1000,
	    .roles = R(QUEUE),
	    .help =
		"Tell the sender once when a message is that old and not delivered; 0 = never." },
	{ .name = "bounce_size_limit",
	    .type = SET_SIZE,
	    .def = "50k",
	    .max = 256 * 1024,
	    .roles = R(QUEUE),
	    .help = "Of messages larger than that, a bounce returns only the header." },
	{ .name = "queue_minimal_free",
	    .type = SET_SIZE,
	    .def = "64M",
	    .max = INT64_C(1) << 50,
	    .roles = R(QUEUE),
	    .help =
		"Space of the spool's file system that stays free: below it, mail is refused with "
		"452 while the queue goes on draining." },
	{ .name = "queue_minimal_inodes",
	    .type = SET_INT,
	    .def = "1000",
	    .max = INT64_C(1) << 40,
	    .roles = R(QUEUE),
	    .help = "The same for inodes." },
	{ .name = "queue_threads",
	    .type = SET_INT,
	    .def = "20",
	    .min = 2,
	    .max = 200,
	    .roles = R(QUEUE),
	    .help = "Threads that write and sync files. Takes effect at the next start." },
	{ .name = "destination_concurrency",
	    .type = SET_INT,
	    .def = "20",
	    .min = 1,
	    .max = 10000,
	    .roles = R(QUEUE),
	    .help =
		"Deliveries under way at once to one destination, once it has shown that it takes "
		"them." },
	{ .name = "destination_concurrency_start",
	    .type = SET_INT,
	    .def = "5",
	    .min = 1,
	    .max = 10000,
	    .roles = R(QUEUE),
	    .help = "The same for a destination of which nothing is known yet." },
	{ .name = "destination_recipients",
	    .type = SET_INT,
	    .def = "50",
	    .min = 1,
	    .max = 100,
	    .roles = R(QUEUE),
	    .help = "Recipients of one message that go to another host together." },

	{ .topic = "Mailboxes",
	    .name = "mailbox_uid_min",
	    .type = SET_INT,
	    .def = "1879048192",
	    .min = 100,
	    .max = INT32_MAX,
	    .roles = R(AUTH) | R(LOOKUP) | R(MAILDIR),
	    .help = "The least user id that owns a mailbox. No process of the suite ever acts as a "
		    "user "
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
	    .help =
		"How many messages are written into mailboxes at the same time. Most of that time "
		"is waiting for the disk, which many can share." },

	{ .topic = "Delivery to other hosts",
	    .name = "static_hosts",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(REMOTE),
	    .help = "Addresses of next hops that are named in routes, as `name=address` or "
		    "`name=address,address`: tried in that order." },
	{ .name = "remote_port",
	    .type = SET_INT,
	    .def = "25",
	    .min = 1,
	    .max = 65535,
	    .roles = R(REMOTE),
	    .help =
		"Port of SMTP hosts where a route names none. It must be one of `remote_ports`." },
	{ .name = "remote_address_preference",
	    .type = SET_ENUM,
	    .choices = "ipv6|ipv4|ipv6-only|ipv4-only",
	    .def = "ipv6",
	    .roles = R(REMOTE),
	    .help =
		"Which addresses of a host are tried first, or at all. When one has not answered "
		"after a quarter of a second, one of the other kind is tried beside it." },
	{ .name = "remote_tls",
	    .type = SET_ENUM,
	    .choices = "none|may|encrypt|verify|secure",
	    .def = "may",
	    .roles = R(LOOKUP),
	    .help = "How other hosts are spoken to where `remote_tls_policy` says nothing. With "
		    "`may` by TLS when they "
		    "offer it and it works, else in plain text; `encrypt`: by TLS, with whoever is "
		    "there; `verify`: their "
		    "certificate must be valid for the name of the host, which may be no better "
		    "than DNS; `secure`: for "
		    "the domain that the mail is for. From `encrypt` on, mail waits when that "
		    "cannot be had." },
	{ .name = "remote_tls_policy",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help =
		"Tables of such levels by next hop, as in smtp_tls_policy_maps of Postfix. A next "
		"hop with "
		"brackets or a port is looked for as the route has it, a domain also as `.parent` "
		"of its "
		"parents. Values are `none`, `may`, `encrypt`, or, followed by names, "
		"`verify match=hostname:NAME`, `secure match=nexthop:dot-nexthop:NAME:.NAME`, or "
		"`fingerprint match=HEX|HEX`: SHA-256 of a public key. The word `implicit` behind "
		"it speaks "
		"TLS from the first byte." },
	{ .name = "remote_tls_plain_time",
	    .type = SET_TIME,
	    .def = "1h",
	    .max = INT64_C(30) * 86400 * 1000,
	    .roles = R(REMOTE),
	    .help = "For so long an address at which TLS failed gets mail in plain text, where the "
		    "level is `may`." },
	{ .name = "tls_ca_file",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = "/etc/ssl/certs/ca-certificates.crt",
	    .roles = R(REMOTE),
	    .help = "PEM file of the authorities that may vouch for other hosts, which the user of "
		    "deliver-remote must be "
		    "able to read. It is read when that program starts: with the suite, and at a "
		    "reload that "
		    "changes one of its settings. Without any, no host is verified." },
	{ .name = "remote_dead_time",
	    .type = SET_TIME,
	    .def = "5m",
	    .max = 86400 * 1000,
	    .roles = R(REMOTE),
	    .help = "For so long an address that did not take a connection, or did not greet, is "
		    "tried after all "
		    "others." },
	{ .name = "own_addresses",
	    .type = SET_LIST,
	    .form = FORM_ADDRESS,
	    .def = "",
	    .roles = R(REMOTE),
	    .help =
		"Addresses at which the world reaches this host besides those of its own "
		"interfaces, "
		"as through a translating router. Mail that MX records send there or to a listener "
		"of the suite is in a loop and returned." },
	{ .name = "remote_ports",
	    .type = SET_LIST,
	    .def = "24 25 465 587",
	    .roles = R(REMOTE),
	    .help =
		"Ports of other hosts that the suite may connect to: the kernel refuses others. "
		"Name here what next hops in routes use besides the usual ones." },
	{ .name = "remote_connections",
	    .type = SET_INT,
	    .def = "200",
	    .min = 1,
	    .max = 10000,
	    .roles = R(REMOTE) | R(QUEUE),
	    .help = "Connections to other hosts at the same time, idle ones included." },
	{ .name = "remote_idle_time",
	    .type = SET_TIME,
	    .def = "3s",
	    .max = 300 * 1000,
	    .roles = R(REMOTE),
	    .help =
		"How long a connection waits for more mail to the same next hop; 0 closes it after "
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
	    .help =
		"How long the answer to DATA, or the taking of a block of the message, may take." },
	{ .name = "remote_final_timeout",
	    .type = SET_TIME,
	    .def = "10m",
	    .min = 10,
	    .max = 3600 * 1000,
	    .roles = R(REMOTE),
	    .help = "How long the answer to a complete message may take. Shorter than the default "
		    "means "
		    "that slow hosts get mail twice." },

	{ .topic = "DNS",
	    .name = "dns_forwarders",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(RESOLVER),
	    .help =
		"Resolvers that are asked for everything, as an address or `[address]:port`. They "
		"must pass DNSSEC records on. When empty, the suite asks the servers of each zone "
		"itself, beginning at the root." },
	{ .name = "dns_stub_zones",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(RESOLVER),
	    .help = "Zones whose authoritative servers are known, as `zone=server,server`: private "
		    "ones, and those of tests." },
	{ .name = "dns_validation",
	    .type = SET_BOOL,
	    .def = "yes",
	    .roles = R(RESOLVER),
	    .help = "Whether answers are validated by DNSSEC. Without it, forged answers are "
		    "taken, and "
		    "nothing counts as secure." },
	{ .name = "dns_trust_anchors",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(RESOLVER),
	    .help =
		"DS or DNSKEY records that validation begins with, as text. When empty, the keys "
		"of the root." },
	{ .name = "dns_ports",
	    .type = SET_LIST,
	    .def = "53",
	    .roles = R(RESOLVER),
	    .help = "Ports that the resolver may connect to by TCP: the kernel refuses others. "
		    "Name here "
		    "what `dns_forwarders` and `dns_stub_zones` use besides 53." },
	{ .name = "dns_lists",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(RESOLVER) | ROLES_SMTP,
	    .help = "DNS lists (RFC 5782) of clients whose mail is refused with 554, as `zone`, or "
		    "`zone=127.0.0.2,127.0.0.4` when only some of its answers count. Clients in "
		    "`trusted_networks` and those that `client_access` lets in are not asked for. "
		    "A list "
		    "that fails its test is off, and mail is taken." },
	{ .name = "dns_timeout",
	    .type = SET_TIME,
	    .def = "20s",
	    .min = 100,
	    .max = 40 * 1000,
	    .roles = R(RESOLVER),
	    .help = "How long a question may take; after that, what is not known is a temporary "
		    "failure." },
	{ .name = "dns_cache_size",
	    .type = SET_SIZE,
	    .def = "64M",
	    .min = 1024 * 1024,
	    .max = INT64_C(1) << 40,
	    .roles = R(RESOLVER),
	    .help = "Memory for answers that are remembered." },
	{ .topic = "TLS",
	    .name = "tls_minimum_version",
	    .type = SET_ENUM,
	    .choices = "1.2|1.3",
	    .def = "1.2",
	    .roles = ROLES_SMTP | R(LOGIN),
	    .help = "The oldest version of TLS that listeners speak. Keys are exchanged by X25519, "
		    "P-256 or "
		    "P-384, and with 1.2 by ephemeral ones only; what is encrypted is "
		    "authenticated (AES-GCM, "
		    "ChaCha20-Poly1305). There is no compression and no renegotiation." },
	{ .name = "tls_expiry_warning",
	    .type = SET_TIME,
	    .def = "14d",
	    .max = INT64_C(1000) * 86400 * 1000,
	    .roles = R(KEYS),
	    .help = "From that long before a certificate expires, the log says so every day." },
	{ .name = "keys_rate",
	    .type = SET_INT,
	    .def = "5000",
	    .min = 1,
	    .max = 1000000,
	    .roles = R(KEYS),
	    .help =
		"Signatures per second that one process which talks to the network can have. More "
		"handshakes than that fail." },

	USER_ROWS("System users", "log", "thurn-log", "the log writer"),
	USER_ROWS(NULL, "lookup", "thurn-lookup", "the table and routing service"),
	USER_ROWS(NULL, "auth", "thurn-auth", "the account service"),
	USER_ROWS(NULL, "sasl", "thurn-sasl", "the login protocol service"),
	USER_ROWS(NULL, "keys", "thurn-keys", "the keeper of the private keys"),
	USER_ROWS(NULL, "notify", "thurn-notify", "the mailbox change service"),
	USER_ROWS(NULL, "queue", "thurn-queue", "the queue manager"),
	USER_ROWS(NULL, "deliver_maildir", "thurn-maildir", "delivery into mailboxes"),
	USER_ROWS(NULL, "deliver_remote", "thurn-remote", "delivery to other hosts"),
	USER_ROWS(NULL, "resolver", "thurn-resolver", "the DNS resolver"),
	USER_ROWS(NULL, "smtpd", "thurn-smtpd", "the SMTP server"),
	USER_ROWS(NULL, "smtpd_local", "thurn-local", "the server of the local submission socket"),
	USER_ROWS(NULL, "smtpd_submit", "thurn-submit", "the submission server"),
	USER_ROWS(NULL, "imapd_login", "thurn-login", "the IMAP server before authentication"),

	{ .topic = "Listeners",
	    .section = "listener",
	    .name = "service",
	    .type = SET_ENUM,
	    .choices = "smtp|submission|submissions|lmtp|imap|imaps|local|dovecot",
	    .def = "smtp",
	    .roles = ROLES_SMTP | R(LOGIN) | R(SASL) | R(LOOKUP) | R(REMOTE) | R(KEYS),
	    .help =
		"What is spoken there. `imaps` and `submissions` are under TLS from the first "
		"byte. "
		"`submission` is SMTP for users who have logged in, and for "
		"nobody else. `local` is submission by the users of this host, known by their "
		"uid, at a `path`; there is one at `submit` unless another is set. `dovecot` "
		"at a `path` lets Postfix and Exim check logins of the accounts by the protocol "
		"of Dovecot; see `dovecot_auth_uids`." },
	{ .section = "listener",
	    .name = "address",
	    .type = SET_LIST,
	    .form = FORM_ADDRESS,
	    .def = "0.0.0.0 ::",
	    .roles = R(SMTPD) | R(SUBMIT) | R(LOGIN) | R(REMOTE),
	    .help = "Numeric addresses to listen at. A family that the kernel does not have is "
		    "left out." },
	{ .section = "listener",
	    .name = "port",
	    .type = SET_INT,
	    .def = "0",
	    .min = 0,
	    .max = 65535,
	    .roles = R(SMTPD) | R(SUBMIT) | R(LOGIN) | R(REMOTE),
	    .help = "The port; 0 is the service's own: 25 for `smtp`, 587 for `submission`, 465 "
		    "for `submissions`, 24 for `lmtp`, 143 for `imap`, 993 for `imaps`." },
	{ .section = "listener",
	    .name = "path",
	    .type = SET_STR,
	    .def = "",
	    .roles = ROLES_SMTP | R(LOGIN) | R(REMOTE),
	    .help = "A Unix socket to listen at instead of addresses and a port; relative to "
		    "`run_directory`." },
	{ .section = "listener",
	    .name = "tls",
	    .type = SET_ENUM,
	    .choices = "off|optional|required|implicit",
	    .def = "optional",
	    .roles = ROLES_SMTP | R(LOGIN),
	    .help = "`optional` offers STARTTLS when there is a certificate; with `required` "
		    "nothing else is "
		    "done before it; `implicit` speaks TLS from the first byte." },
	{ .section = "listener",
	    .name = "certificates",
	    .type = SET_LIST,
	    .def = "",
	    .roles = ROLES_SMTP | R(LOGIN) | R(KEYS),
	    .help = "Titles of the `certificate` sections for this listener, all when empty. The "
		    "name that a "
		    "client asks for chooses among them, and the kinds of key that it knows; "
		    "without a name, "
		    "the first of each kind of key serves." },
	{ .section = "listener",
	    .name = "access_rules",
	    .type = SET_BOOL,
	    .def = "yes",
	    .roles = R(LOOKUP),
	    .help =
		"Whether access(5) rules count for what comes in there. `no` is for mail that a "
		"content filter (FILTER) gives back: the rules have had their say." },

	{ .topic = "Certificates",
	    .section = "certificate",
	    .name = "certificate",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = "",
	    .roles = R(KEYS),
	    .help = "PEM file with the certificate of the host and behind it those of the "
		    "authorities up to "
		    "the root. It is looked at every minute and at `thurn tls reload`; a new one "
		    "is taken when "
		    "it and its key belong together, else the one before stays in use." },
	{ .section = "certificate",
	    .name = "key",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = "",
	    .roles = R(KEYS),
	    .help = "PEM file with its private key, not encrypted: RSA of 2048 bits or more, EC on "
		    "P-256 or "
		    "P-384, or Ed25519. Only root needs to be able to read it." },
};

enum { ROWS = sizeof table / sizeof table[0] };

const struct setting *settings_table(size_t *n)
{
	*n = ROWS;
	return table;
}
