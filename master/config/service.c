/* What a listener can speak. See service.h. */
#include "service.h"

static const struct service services[] = {
	{ "smtp", ROLE_SMTPD, "smtpd_workers", 25 },
	{ "lmtp", ROLE_SMTPD, "smtpd_workers", 24 },
	{ "submission", ROLE_SUBMIT, "submission_workers", 587 },
	{ "local", ROLE_LOCAL, NULL, 0 },
	{ "imap", ROLE_LOGIN, "imap_workers", 143 },
};
enum { SERVICES = sizeof services / sizeof *services };

const struct service *service_find(struct str name)
{
	for (unsigned i = 0; i < SERVICES; i++)
		if (str_eq(name, str_of(services[i].name)))
			return &services[i];
	return NULL;
}

const char *service_workers(enum role role)
{
	for (unsigned i = 0; i < SERVICES; i++)
		if (services[i].role == role)
			return services[i].workers;
	return NULL;
}
