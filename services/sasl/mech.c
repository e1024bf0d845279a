/* The table of mechanisms. See mech.h. */
#include "mech.h"

static const struct mechanism mechanisms[] = {
	{ "PLAIN", "", plain_step, NULL },
	{ "LOGIN", "Username:", login_step, NULL },
	{ "SCRAM-SHA-256", "", scram_step, scram_end },
	{ "SCRAM-SHA-256-PLUS", "", scram_step, scram_end },
	{ "SCRAM-SHA-1", "", scram_step, scram_end },
	{ "SCRAM-SHA-1-PLUS", "", scram_step, scram_end },
	{ "OAUTHBEARER", "", oauthbearer_step, NULL },
	{ "XOAUTH2", "", xoauth2_step, NULL },
	{ "EXTERNAL", "", external_step, NULL },
};

const struct mechanism *mech_find(struct str name)
{
	for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++)
		if (str_caseeq(name, str_of(mechanisms[i].name)))
			return &mechanisms[i];
	return NULL;
}
