/* Settings of accounts and logins. */
#include "proto/settings.h"

static const struct setting rows[] = {
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
		    "on encrypted connections and to this host only, `EXTERNAL` to clients whose "
		    "certificate is good." },
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
	{ .name = "certificate_logins",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(AUTH),
	    .help = "Accounts of client certificates that name none: each item is the name in "
		    "the certificate and behind it, after a blank, the account. The name is the "
		    "certificate's first mail address, or, without one, its common name; where "
		    "nothing is said here, it is the account itself. Accounts have to be marked "
		    "for that by `thurn user set --certificate on`." },
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
	{ .name = "auth_remember",
	    .type = SET_TIME,
	    .def = "1m",
	    .max = 3600 * 1000,
	    .roles = R(AUTH),
	    .help = "For how long a password that was right is known again, so that programs "
		    "which log in all the time do not cost a slow hash each time. What is kept "
		    "is a keyed hash in locked memory; any change of the account ends it. 0 "
		    "means that each login is hashed." },
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
};

struct setting_rows settings_accounts(void)
{
	return SETTING_ROWS(rows);
}
