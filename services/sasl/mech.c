/* The table of mechanisms. See mech.h. */
#include "mech.h"

static const struct mechanism mechanisms[] = {
	{ "PLAIN", "", plain_step, NULL },
	{ "LOGIN", "Username:", login_step, NULL },
};

const struct mechanism *mech_find(struct str name)
{
	for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++)
		if (str_caseeq(name, str_of(mechanisms[i].name)))
			return &mechanisms[i];
	return NULL;
}
