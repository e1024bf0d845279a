/* Settings of passwords that PAM knows. */
#include "proto/settings.h"

static const struct setting rows[] = {
	{ .topic = "PAM",
	    .name = "pam_workers",
	    .type = SET_INT,
	    .def = "0",
	    .min = 0,
	    .max = 32,
	    .roles = R(AUTH),
	    .help = "Processes that ask PAM, each one question at a time. 0 means that PAM is not "
		    "used." },
	{ .name = "pam_domains",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(AUTH),
	    .help = "Domains whose accounts have their passwords with PAM instead of here. The "
		    "accounts themselves, with their mailboxes and limits, are those of `thurn "
		    "user` all the same, and so are app passwords." },
	{ .name = "pam_user",
	    .type = SET_ENUM,
	    .choices = "localpart|address",
	    .def = "localpart",
	    .roles = R(AUTH),
	    .help = "What PAM calls the owner of an account." },
	{ .name = "pam_service",
	    .type = SET_STR,
	    .def = "thurn",
	    .roles = R(PAM),
	    .help =
		"The PAM service, whose file says what modules are asked. Those that read files "
		"below `pam_directory` work, pam_unix among them; those that need the "
		"network, other programs or to write do not." },
	{ .name = "pam_confdir",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(PAM),
	    .help = "The directory with that file, if it is not the system's." },
	{ .name = "pam_directory",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = "/etc",
	    .roles = ROLES_MASTER,
	    .help = "The directory below which modules may read; nothing else can be read." },
	{ .name = "pam_timeout",
	    .type = SET_TIME,
	    .def = "15s",
	    .min = 1000,
	    .max = 20 * 1000,
	    .roles = R(PAM),
	    .help = "A process whose modules take longer for one question is ended, and another "
		    "started." },
};

struct setting_rows settings_pam(void)
{
	return SETTING_ROWS(rows);
}
