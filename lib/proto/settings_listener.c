/* Settings of sections "listener". */
#include "proto/settings.h"

static const struct setting rows[] = {
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
	    .name = "client_certificates",
	    .type = SET_ENUM,
	    .choices = "off|ask|require",
	    .def = "off",
	    .roles = ROLES_SMTP | R(LOGIN) | R(KEYS),
	    .help =
		"Whether clients are asked for a certificate. One that leads to a certificate in "
		"`tls_client_ca` can be the proof of a login (`EXTERNAL` in `sasl_mechanisms`), "
		"and any one by its fingerprint the permission to relay (`relay_clientcerts`). "
		"With `ask` none ends the connection; with `require` a handshake without one that "
		"leads there fails." },
	{ .section = "listener",
	    .name = "access_rules",
	    .type = SET_BOOL,
	    .def = "yes",
	    .roles = R(LOOKUP),
	    .help =
		"Whether access(5) rules count for what comes in there. `no` is for mail that a "
		"content filter (FILTER) gives back: the rules have had their say." },
};

struct setting_rows settings_listener(void)
{
	return SETTING_ROWS(rows);
}
