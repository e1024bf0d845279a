/* Settings of delivery to other hosts. */
#include "proto/settings.h"

static const struct setting rows[] = {
	{ .topic = "Delivery to other hosts",
	    .name = "static_hosts",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(REMOTE) | R(QUEUE),
	    .help = "Addresses of next hops that are named in routes, as `name=address` or "
		    "`name=address,address`: tried in that order." },
	{ .name = "remote_port",
	    .type = SET_INT,
	    .def = "25",
	    .min = 1,
	    .max = 65535,
	    .roles = R(REMOTE),
	    .help =
		"Port of SMTP hosts where a route names none. It must be one of `remote_ports`." },
	{ .name = "remote_address_preference",
	    .type = SET_ENUM,
	    .choices = "ipv6|ipv4|ipv6-only|ipv4-only",
	    .def = "ipv6",
	    .roles = R(REMOTE),
	    .help =
		"Which addresses of a host are tried first, or at all. When one has not answered "
		"after a quarter of a second, one of the other kind is tried beside it." },
	{ .name = "remote_address_preference_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help =
		"Tables of the same by next hop, which is looked for as in `remote_tls_policy`; "
		"`DUNNO` is as no entry." },
	{ .name = "remote_tls",
	    .type = SET_ENUM,
	    .choices = "none|may|encrypt|verify|secure|dane|dane-only",
	    .def = "dane",
	    .roles = R(LOOKUP),
	    .help = "How other hosts are spoken to where `remote_tls_policy` says nothing. With "
		    "`may` by TLS when they "
		    "offer it and it works, else in plain text; `encrypt`: by TLS, with whoever is "
		    "there; `verify`: their "
		    "certificate must be valid for the name of the host, which may be no better "
		    "than DNS; `secure`: for "
		    "the domain that the mail is for; `dane`: as TLSA records signed with DNSSEC "
		    "say (RFC 7672), else as the domain's MTA-STS policy says (see `mta_sts`), and "
		    "like `may` where there is neither; `dane-only`: not without "
		    "such records. Mail waits when what is demanded cannot be had." },
	{ .name = "mta_sts",
	    .type = SET_BOOL,
	    .def = "yes",
	    .roles = R(REMOTE),
	    .help =
		"Look for the MTA-STS policies of domains (RFC 8461) where the TLS level is `dane` "
		"and there are no TLSA records. A policy in mode `enforce` names the hosts that "
		"may have the mail, which then waits for one of them with a valid certificate." },
	{ .name = "remote_tls_policy",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help =
		"Tables of such levels by next hop, as in smtp_tls_policy_maps of Postfix. A next "
		"hop with "
		"brackets or a port is looked for as the route has it, a domain also as `.parent` "
		"of its "
		"parents. Values are `none`, `may`, `encrypt`, `dane`, `dane-only`, or, followed "
		"by "
		"names, "
		"`verify match=hostname:NAME`, `secure match=nexthop:dot-nexthop:NAME:.NAME`, or "
		"`fingerprint match=HEX|HEX`: SHA-256 of a public key. The word `implicit` behind "
		"it speaks "
		"TLS from the first byte." },
	{ .name = "remote_auth",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP),
	    .help =
		"Tables of the next hops at which mail logs in, looked for as in "
		"`remote_tls_policy`; the value is `yes` or `no`. The word `auth` in a TLS policy "
		"means the same. Nothing goes there without a login, nor without TLS." },
	{ .name = "remote_credentials",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = "",
	    .roles = R(CREDENTIALS),
	    .help = "File of these logins, by sender and next hop; see `credentials`(5). Nobody "
		    "but root has to be able to read it. It is looked at every minute." },
	{ .name = "remote_auth_mechanisms",
	    .type = SET_LIST,
	    .def = "SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 PLAIN LOGIN "
		   "OAUTHBEARER XOAUTH2",
	    .roles = R(REMOTE),
	    .help = "SASL mechanisms of these logins: the first one that the server offers is "
		    "used." },
	{ .name = "remote_client_certificate",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(REMOTE) | R(KEYS),
	    .help = "Title of the certificate section that is shown to servers that ask for "
		    "one, in TLS 1.3; empty = none is. Another listener's will do, if it is "
		    "good for clients." },
	{ .name = "remote_auth_plain_loopback",
	    .type = SET_BOOL,
	    .def = "no",
	    .roles = R(REMOTE),
	    .help = "Log in without TLS, too, where the server is at a loopback address and the "
		    "TLS level is not above `may`." },
	{ .name = "remote_auth_refused_time",
	    .type = SET_TIME,
	    .def = "15m",
	    .max = 86400 * 1000,
	    .roles = R(REMOTE) | R(CREDENTIALS),
	    .help = "For so long a login that was refused is not tried again at that next hop, "
		    "unless it is changed. Its mail waits." },
	{ .name = "remote_tls_plain_time",
	    .type = SET_TIME,
	    .def = "1h",
	    .max = INT64_C(30) * 86400 * 1000,
	    .roles = R(QUEUE) | R(REMOTE),
	    .help = "For so long an address at which TLS failed gets mail in plain text, where the "
		    "level is `may`; then it is tried again." },
	{ .name = "remote_quirk_time",
	    .type = SET_TIME,
	    .def = "7d",
	    .max = INT64_C(365) * 86400 * 1000,
	    .roles = R(QUEUE) | R(REMOTE),
	    .help =
		"For so long a server is not believed to have what it has failed at: that is "
		"BDAT it does not know, pipelined commands that it loses, TLS that it cannot do "
		"where the level is `may` (that for no longer than `remote_tls_plain_time`, "
		"because "
		"somebody in between may have made it fail). `thurn remote quirks` shows and "
		"changes "
		"it; with 0 nothing is learned." },
	{ .name = "tls_ca_file",
	    .type = SET_STR,
	    .form = FORM_PATH,
	    .def = "/etc/ssl/certs/ca-certificates.crt",
	    .roles = R(REMOTE) | R(FETCH),
	    .help =
		"PEM file of the authorities that may vouch for other hosts, which the users of "
		"deliver-remote and fetch must be able to read. It is read when these programs "
		"start: with the suite, and at a reload that changes one of their settings. "
		"Without any, no host is verified." },
	{ .name = "remote_dead_time",
	    .type = SET_TIME,
	    .def = "5m",
	    .max = 86400 * 1000,
	    .roles = R(REMOTE),
	    .help = "For so long an address that did not take a connection, or did not greet, is "
		    "tried after all "
		    "others." },
	{ .name = "own_addresses",
	    .type = SET_LIST,
	    .form = FORM_ADDRESS,
	    .def = "",
	    .roles = R(REMOTE),
	    .help =
		"Addresses at which the world reaches this host besides those of its own "
		"interfaces, "
		"as through a translating router. Mail that MX records send there or to a listener "
		"of the suite is in a loop and returned." },
	{ .name = "remote_ports",
	    .type = SET_LIST,
	    .def = "24 25 465 587",
	    .roles = R(REMOTE),
	    .help =
		"Ports of other hosts that the suite may connect to: the kernel refuses others. "
		"Name here what next hops in routes use besides the usual ones. At most 64." },
	{ .name = "remote_sockets",
	    .type = SET_LIST,
	    .form = FORM_PATH,
	    .def = "",
	    .roles = R(REMOTE) | R(LOOKUP),
	    .help =
		"Unix sockets of other programs that mail may go to by LMTP, as a transport "
		"`lmtp:unix:/run/dovecot/lmtp` has it. The connections are made by master, which "
		"is root where the suite was started by root." },
	{ .name = "remote_connections",
	    .type = SET_INT,
	    .def = "200",
	    .min = 1,
	    .max = 10000,
	    .roles = R(REMOTE) | R(QUEUE),
	    .help = "Connections to other hosts at the same time, idle ones included." },
	{ .name = "remote_idle_time",
	    .type = SET_TIME,
	    .def = "3s",
	    .max = 300 * 1000,
	    .roles = R(REMOTE),
	    .help =
		"How long a connection waits for more mail to the same next hop; 0 closes it after "
		"each message." },
	{ .name = "remote_messages",
	    .type = SET_INT,
	    .def = "200",
	    .min = 1,
	    .max = 1000000,
	    .roles = R(REMOTE),
	    .help = "Messages over one connection, if the other side does not announce less." },
	{ .name = "remote_connect_timeout",
	    .type = SET_TIME,
	    .def = "30s",
	    .min = 10,
	    .max = 3600 * 1000,
	    .roles = R(REMOTE),
	    .help = "How long one address may take to accept a connection." },
	{ .name = "remote_command_timeout",
	    .type = SET_TIME,
	    .def = "5m",
	    .min = 10,
	    .max = 3600 * 1000,
	    .roles = R(REMOTE),
	    .help = "How long the greeting and the answers to EHLO, MAIL and RCPT may take." },
	{ .name = "remote_data_timeout",
	    .type = SET_TIME,
	    .def = "3m",
	    .min = 10,
	    .max = 3600 * 1000,
	    .roles = R(REMOTE),
	    .help =
		"How long the answer to DATA, or the taking of a block of the message, may take." },
	{ .name = "remote_final_timeout",
	    .type = SET_TIME,
	    .def = "10m",
	    .min = 10,
	    .max = 3600 * 1000,
	    .roles = R(REMOTE),
	    .help = "How long the answer to a complete message may take. Shorter than the default "
		    "means "
		    "that slow hosts get mail twice." },
};

struct setting_rows settings_remote(void)
{
	return SETTING_ROWS(rows);
}
