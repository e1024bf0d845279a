/* Settings of requests by HTTPS. */
#include "proto/settings.h"

static const struct setting rows[] = {
	{ .topic = "HTTPS",
	    .name = "fetch_timeout",
	    .type = SET_TIME,
	    .def = "30s",
	    .min = 100,
	    .max = 60 * 1000,
	    .roles = R(FETCH),
	    .help =
		"How long one request may take, from the look-up of its host to the last byte." },
	{ .name = "fetch_port",
	    .type = SET_INT,
	    .def = "443",
	    .min = 1,
	    .max = 65535,
	    .roles = R(FETCH),
	    .help = "Port of URLs that name none; one of `fetch_ports`." },
	{ .name = "fetch_ports",
	    .type = SET_LIST,
	    .def = "443",
	    .roles = R(FETCH),
	    .help = "Ports that the HTTPS client may connect to: the kernel refuses others." },
	{ .name = "fetch_private_networks",
	    .type = SET_LIST,
	    .form = FORM_NETWORK,
	    .def = "",
	    .roles = R(FETCH),
	    .help =
		"Networks that are private, local or reserved, and may be connected to all the "
		"same. "
		"Otherwise a domain of somebody else's could send requests of this host into its "
		"own network." },
	{ .name = "oauth_introspection_url",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(FETCH) | R(AUTH),
	    .help = "Where tokens are asked about (RFC 7662), as `https://host[:port]/path`: all "
		    "that none of `oauth_keys` could have signed. `oauth_audience` or "
		    "`oauth_scope` has to say which are meant for this host." },
	{ .name = "oauth_introspection_client",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(AUTH),
	    .help = "The name that this host has there; empty = it says none." },
	{ .name = "oauth_introspection_secret",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(AUTH),
	    .help = "Its secret. Whoever can read the configuration can read it." },
};

struct setting_rows settings_fetch(void)
{
	return SETTING_ROWS(rows);
}
