/* Settings of sections "dkim". */
#include "proto/settings.h"

static const struct setting rows[] = {
	{ .topic = "DKIM",
	    .section = "dkim",
	    .name = "domain",
	    .type = SET_STR,
	    .form = FORM_HOST,
	    .def = "",
	    .roles = R(KEYS),
	    .help =
		"The domain that signs. Reports about TLS that go by mail are signed with the keys "
		"of all sections whose domain is that of `tls_report_sender`, or above it; without "
		"one they are not sent, because who gets them has to ignore them (RFC 8460 3)." },
	{ .section = "dkim",
	    .name = "selector",
	    .type = SET_STR,
	    .form = FORM_HOST,
	    .def = "",
	    .roles = R(KEYS),
	    .help = "Under what name the domain publishes the key: the TXT record of "
		    "`selector._domainkey.domain`, as `thurn dkim record` prints it." },
	{ .section = "dkim",
	    .name = "key",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = "",
	    .roles = R(KEYS),
	    .help = "PEM file with the private key, not encrypted: RSA of 2048 to 4096 bits, or "
		    "Ed25519, which not everybody can verify, so have one of each. Only root needs "
		    "to be able to read it. It is looked at every minute and at `thurn tls "
		    "reload`." },
};

struct setting_rows settings_dkim(void)
{
	return SETTING_ROWS(rows);
}
