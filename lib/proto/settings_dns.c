/* Settings of DNS. */
#include "proto/settings.h"

static const struct setting rows[] = {
	{ .topic = "DNS",
	    .name = "dns_forwarders",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(RESOLVER),
	    .help =
		"Resolvers that are asked for everything, as an address or `[address]:port`. They "
		"must pass DNSSEC records on. When empty, the suite asks the servers of each zone "
		"itself, beginning at the root." },
	{ .name = "dns_zone_forwarders",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(RESOLVER),
	    .help = "Resolvers that are asked for a zone and what is below it, as "
		    "`zone=server,server`; others are for `dns_forwarders`." },
	{ .name = "dns_stub_zones",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(RESOLVER),
	    .help = "Zones whose authoritative servers are known, as `zone=server,server`: private "
		    "ones, and those of tests." },
	{ .name = "dns_validation",
	    .type = SET_BOOL,
	    .def = "yes",
	    .roles = R(RESOLVER),
	    .help = "Whether answers are validated by DNSSEC. Without it, forged answers are "
		    "taken, and "
		    "nothing counts as secure." },
	{ .name = "dns_trust_anchors",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(RESOLVER),
	    .help =
		"DS or DNSKEY records that validation begins with, as text. When empty, the keys "
		"of the root." },
	{ .name = "dns_ports",
	    .type = SET_LIST,
	    .def = "53",
	    .roles = R(RESOLVER),
	    .help = "Ports that the resolver may connect to by TCP: the kernel refuses others. "
		    "Name here "
		    "what these forwarders and `dns_stub_zones` use besides 53." },
	{ .name = "dns_lists",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(RESOLVER) | ROLES_SMTP,
	    .help = "DNS lists (RFC 5782) of clients whose mail is refused with 554, as `zone`, or "
		    "`zone=127.0.0.2,127.0.0.4` when only some of its answers count. Clients in "
		    "`trusted_networks` and those that `client_access` lets in are not asked for. "
		    "A list "
		    "that fails its test is off, and mail is taken." },
	{ .name = "dns_timeout",
	    .type = SET_TIME,
	    .def = "20s",
	    .min = 100,
	    .max = 40 * 1000,
	    .roles = R(RESOLVER),
	    .help = "How long a question may take; after that, what is not known is a temporary "
		    "failure." },
	{ .name = "dns_cache_size",
	    .type = SET_SIZE,
	    .def = "64M",
	    .min = 1024 * 1024,
	    .max = INT64_C(1) << 40,
	    .roles = R(RESOLVER),
	    .help = "Memory for answers that are remembered." },
};

struct setting_rows settings_dns(void)
{
	return SETTING_ROWS(rows);
}
