/* Settings of the addresses that mail to other hosts goes out from. */
#include "proto/settings.h"

static const struct setting rows[] = {
	{ .topic = "Source addresses",
	    .name = "source_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help =
		"Tables that name the `source_pool` from whose addresses a message goes out by "
		"SMTP. "
		"Keys, in the order in which they are looked for: `to:example.org`, the "
		"recipient's "
		"domain, and `to:.org` for its parents; the sender as `user@domain`, `@domain`, or "
		"`<>` for the null sender; `lane:LANE`. `DUNNO` ends the search: any address will "
		"do." },
	{ .name = "default_source_pool",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "The `source_pool` of what no rule is for; empty: any address will do." },
	{ .section = "source_pool",
	    .name = "sources",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(QUEUE) | R(LOOKUP),
	    .help = "Titles of the sections `source` that take turns. What limits a destination "
		    "holds for each pool on its own." },
	{ .section = "source",
	    .name = "address",
	    .type = SET_LIST,
	    .form = FORM_ADDRESS,
	    .def = "",
	    .roles = R(QUEUE) | R(REMOTE),
	    .help =
		"An IPv4 address of this host, an IPv6 address, or one of each. Hosts that have "
		"none of that kind cannot be reached from it. While the host does not have the "
		"address, mail from it waits; it goes out from no other." },
	{ .section = "source",
	    .name = "helo",
	    .type = SET_STR,
	    .form = FORM_HOST,
	    .def = "",
	    .roles = R(QUEUE),
	    .help = "Its name, for EHLO; empty: `hostname`." },
	{ .section = "source",
	    .name = "concurrency",
	    .type = SET_INT,
	    .def = "0",
	    .max = 10000,
	    .roles = R(QUEUE),
	    .help = "Deliveries from it at once, wherever to; 0 = as many as there may be." },
	{ .section = "source",
	    .name = "rate",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(QUEUE),
	    .help = "What may go out from it, wherever to, as in `destination_rate`." },
};

struct setting_rows settings_source(void)
{
	return SETTING_ROWS(rows);
}
