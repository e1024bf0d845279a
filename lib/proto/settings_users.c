/* Settings of the system users of the roles. */
#include "proto/settings.h"

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

static const struct setting rows[] = {
	USER_ROWS("System users", "log", "thurn-log", "the log writer"),
	USER_ROWS(NULL, "lookup", "thurn-lookup", "the table and routing service"),
	USER_ROWS(NULL, "auth", "thurn-auth", "the account service"),
	USER_ROWS(NULL, "sasl", "thurn-sasl", "the login protocol service"),
	USER_ROWS(NULL, "pam", "thurn-pam", "the process that asks PAM"),
	USER_ROWS(NULL, "keys", "thurn-keys", "the keeper of the private keys"),
	USER_ROWS(NULL, "notify", "thurn-notify", "the mailbox change service"),
	USER_ROWS(NULL, "queue", "thurn-queue", "the queue manager"),
	USER_ROWS(NULL, "deliver_maildir", "thurn-maildir", "delivery into mailboxes"),
	USER_ROWS(NULL, "deliver_remote", "thurn-remote", "delivery to other hosts"),
	USER_ROWS(NULL, "resolver", "thurn-resolver", "the DNS resolver"),
	USER_ROWS(NULL, "fetch", "thurn-fetch", "the HTTPS client"),
	USER_ROWS(NULL, "policy", "thurn-policy", "the keeper of other domains' policies"),
	USER_ROWS(NULL, "credentials", "thurn-credentials", "the keeper of logins at other hosts"),
	USER_ROWS(NULL, "smtpd", "thurn-smtpd", "the SMTP server"),
	USER_ROWS(NULL, "smtpd_local", "thurn-local", "the server of the local submission socket"),
	USER_ROWS(NULL, "smtpd_submit", "thurn-submit", "the submission server"),
	USER_ROWS(NULL, "imapd_login", "thurn-login", "the IMAP server before authentication"),
};

struct setting_rows settings_users(void)
{
	return SETTING_ROWS(rows);
}
