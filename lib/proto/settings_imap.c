/* Settings of IMAP and the mailboxes behind it. */
#include "proto/settings.h"

static const struct setting rows[] = {
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
};

struct setting_rows settings_imap(void)
{
	return SETTING_ROWS(rows);
}
