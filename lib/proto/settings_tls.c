/* Settings of TLS. */
#include "proto/settings.h"

static const struct setting rows[] = {
	{ .topic = "TLS",
	    .name = "tls_minimum_version",
	    .type = SET_ENUM,
	    .choices = "1.2|1.3",
	    .def = "1.2",
	    .roles = ROLES_SMTP | R(LOGIN),
	    .help = "The oldest version of TLS that listeners speak. Keys are exchanged by X25519, "
		    "P-256 or "
		    "P-384, and with 1.2 by ephemeral ones only; what is encrypted is "
		    "authenticated (AES-GCM, "
		    "ChaCha20-Poly1305). There is no compression and no renegotiation." },
	{ .name = "tls_client_ca",
	    .type = SET_LIST,
	    .form = FORM_PATH,
	    .def = "",
	    .roles = R(KEYS),
	    .help = "PEM files with the certificates of those who vouch for clients, for "
		    "listeners with `client_certificates`. They are looked at every minute and at "
		    "`thurn tls reload`." },
	{ .name = "tls_expiry_warning",
	    .type = SET_TIME,
	    .def = "14d",
	    .max = INT64_C(1000) * 86400 * 1000,
	    .roles = R(KEYS),
	    .help = "From that long before a certificate expires, the log says so every day." },
	{ .name = "keys_rate",
	    .type = SET_INT,
	    .def = "5000",
	    .min = 1,
	    .max = 1000000,
	    .roles = R(KEYS),
	    .help =
		"Signatures per second that one process which talks to the network can have. More "
		"handshakes than that fail." },
};

struct setting_rows settings_tls(void)
{
	return SETTING_ROWS(rows);
}
