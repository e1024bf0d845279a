/* Settings of which domains are ours, and where mail goes. */
#include "proto/settings.h"

static const struct setting rows[] = {
	{ .topic = "Domains",
	    .name = "local_domains",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Domains whose recipients are the names in `alias_maps` and the accounts in "
		    "them. Items "
		    "of this and the next lists are domains, `.domain` for everything below it, or "
		    "tables as "
		    "`hash:domains`, whose keys are domains. When empty, `hostname` and localhost, "
		    "unless "
		    "they are listed elsewhere. No domain may be in two of the lists." },
	{ .name = "mailbox_domains",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Domains whose recipients are accounts." },
	{ .name = "virtual_alias_domains",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Domains all of whose recipients stand in `virtual_alias_maps`." },
	{ .name = "relay_domains",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help =
		"Domains whose mail is accepted from everybody and passed on to another host." },
	{ .name = "relay_recipient_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Tables whose keys are the recipients in `relay_domains`. When empty, all are "
		    "taken to "
		    "exist." },
	{ .name = "postmaster",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(LOOKUP) | R(QUEUE) | R(POLICY),
	    .help = "Address that gets the mail to postmaster in every own domain where neither a "
		    "table nor "
		    "an account has that name, and hears of bounces that cannot be delivered; for "
		    "those, "
		    "when empty, postmaster at `hostname`." },

	{ .topic = "Rewriting and routing",
	    .name = "recipient_delimiter",
	    .type = SET_STR,
	    .def = "+",
	    .roles = R(LOOKUP),
	    .help =
		"Characters of which the first in a local part separates the name from an "
		"extension "
		"(user+lists). The whole is looked up first, then the name. Empty: none does." },
	{ .name = "canonical_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Tables that replace envelope addresses, of senders and recipients." },
	{ .name = "sender_canonical_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "The same for senders only, before `canonical_maps`." },
	{ .name = "recipient_canonical_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "The same for recipients only, before `canonical_maps`." },
	{ .name = "virtual_alias_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Tables that replace recipients of any domain by others, again and again, as "
		    "virtual(5) of Postfix." },
	{ .name = "alias_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Tables of aliases(5) for names in `local_domains`, as `hash:aliases`." },
	{ .name = "alias_depth_limit",
	    .type = SET_INT,
	    .def = "50",
	    .min = 1,
	    .max = 1000,
	    .roles = R(LOOKUP),
	    .help = "Aliases that may lead to aliases, before it is taken for a loop." },
	{ .name = "alias_expansion_limit",
	    .type = SET_INT,
	    .def = "100000",
	    .min = 1,
	    .max = 1000000,
	    .roles = R(LOOKUP),
	    .help = "Recipients that one may become. Beyond it the message waits and the log says "
		    "why." },
	{ .name = "transport_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help =
		"Tables of transport(5) rules: how mail for an address or a domain goes on. A next "
		"hop may be a list, as in `smtp:[a]:25 weight=3 | [b]:25, [c]`: what follows a "
		"comma is tried when what stands before it could not be reached; with a bar "
		"between them, they share the mail by weight, which is 1 when not given." },
	{ .name = "default_transport",
	    .type = SET_STR,
	    .def = "smtp",
	    .roles = R(LOOKUP),
	    .help = "How mail for other domains goes on where `transport_maps` do not say, as "
		    "`transport` or `transport:nexthop`." },
	{ .name = "sender_dependent_default_transport_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Tables of the same by sender: `user@domain`, `@domain`, or `<>` for the null "
		    "sender. They come "
		    "before `default_transport`; the value `DUNNO` is as no entry." },
	{ .name = "relayhost",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Host that gets all mail for other domains, as `[host]:port` or `domain`, or a "
		    "list of these. The next hop of mail that leaves is what `transport_maps` say "
		    "for its recipient; else that of `sender_dependent_default_transport_maps`, of "
		    "`default_transport`, of `sender_dependent_relayhost_maps`, `relayhost`, or "
		    "the domain "
		    "of the recipient: whatever of these comes first." },
	{ .name = "sender_dependent_relayhost_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Tables of such hosts by sender: `user@domain`, `@domain`, or `<>` for the "
		    "null sender. The value "
		    "`DUNNO` is as no entry." },
	{ .name = "fallback_relay",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help = "Hosts that get mail for a domain that does not exist in DNS, or whose hosts "
		    "cannot be reached; a list as for `relayhost`. For transport `smtp` and next "
		    "hops without brackets only." },
	{ .name = "account_cache",
	    .type = SET_INT,
	    .def = "65536",
	    .min = 16,
	    .max = 10000000,
	    .roles = R(LOOKUP),
	    .help =
		"Accounts that the routing service remembers; it hears at once when one changes." },
};

struct setting_rows settings_routing(void)
{
	return SETTING_ROWS(rows);
}
