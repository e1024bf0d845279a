/* Settings of submission by users. */
#include "proto/settings.h"

static const struct setting rows[] = {
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
	{ .name = "submission_requiretls",
	    .type = SET_BOOL,
	    .def = "yes",
	    .roles = ROLES_SMTP,
	    .help = "Offer REQUIRETLS to users, as `smtp_requiretls` does to others." },
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
	{ .name = "local_login_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Tables that say whose account a user of this host has: keys are `uid:1000`, "
		    "values an account. What goes to other hosts by sendmail(8) then counts "
		    "against the limits of that account." },
	{ .name = "submission_hide_client",
	    .type = SET_BOOL,
	    .def = "yes",
	    .roles = ROLES_SMTP,
	    .help =
		"Leave the address and the name of a user's device out of the Received field. The "
		"log has them." },
};

struct setting_rows settings_submission(void)
{
	return SETTING_ROWS(rows);
}
