/* What a listener can speak. See service.h. */
#include "proto/service.h"

/* "smtp" is not registered with IANA, but is what clients of it that speak ALPN say */
static const struct service services[] = {
	{ "smtp", ROLE_SMTPD, "smtpd_workers", 25, "smtp", false },
	{ "lmtp", ROLE_SMTPD, "smtpd_workers", 24, "smtp", false },
	{ "submission", ROLE_SUBMIT, "submission_workers", 587, "smtp", false },
	{ "submissions", ROLE_SUBMIT, "submission_workers", 465, "smtp", true },
	{ "local", ROLE_LOCAL, NULL, 0, NULL, false },
	{ "dovecot", ROLE_SASL, NULL, 0, NULL, false },
	{ "imap", ROLE_LOGIN, "imap_workers", 143, "imap", false },
	{ "imaps", ROLE_LOGIN, "imap_workers", 993, "imap", true },
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
	return role == ROLE_PAM ? "pam_workers" : NULL;
}
