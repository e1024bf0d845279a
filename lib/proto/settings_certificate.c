/* Settings of sections "certificate". */
#include "proto/settings.h"

static const struct setting rows[] = {
	{ .topic = "Certificates",
	    .section = "certificate",
	    .name = "certificate",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = "",
	    .roles = R(KEYS),
	    .help = "PEM file with the certificate of the host and behind it those of the "
		    "authorities up to "
		    "the root. It is looked at every minute and at `thurn tls reload`; a new one "
		    "is taken when "
		    "it and its key belong together, else the one before stays in use." },
	{ .section = "certificate",
	    .name = "key",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = "",
	    .roles = R(KEYS),
	    .help = "PEM file with its private key, not encrypted: RSA of 2048 bits or more, EC on "
		    "P-256 or "
		    "P-384, or Ed25519. Only root needs to be able to read it." },
};

struct setting_rows settings_certificate(void)
{
	return SETTING_ROWS(rows);
}
