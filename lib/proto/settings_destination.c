/* Settings of sections "destination", and those that hold for all destinations. */
#include "proto/settings.h"

static const struct setting rows[] = {
	{ .topic = "Destinations",
	    .name = "destination_rate",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(QUEUE),
	    .help =
		"What one destination gets at most, as {\"600 messages/1m\", \"2000 "
		"recipients/1h\", \"5 connections/1s\"}: any of the three, and a time in `ms`, "
		"`s`, `m`, `h` or `d`. Spread evenly: what one second brings may go at once, at "
		"least one. A rate holds beside `destination_concurrency`." },
	{ .name = "remote_rate",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(QUEUE),
	    .help = "The same for all mail to other hosts together, by SMTP and by LMTP each." },
	{ .name = "retry_times",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(QUEUE),
	    .help =
		"When what could not be delivered is tried again, by what was wrong, as "
		"{\"greylisting 5m 10m 30m\", \"connect 15m 1h\"}: the wait after the first try, "
		"after the second, and so on; the last one repeats. What was wrong is "
		"`greylisting`, another `reply` with 4xx, `busy` (a 421), `lost` (the connection "
		"broke), `dns`, `connect` or `tls`. Each wait varies by an eighth. What is not "
		"named "
		"waits as `minimal_backoff` and `maximal_backoff` say." },
	{ .name = "lane_weights",
	    .type = SET_LIST,
	    .def = "users=8 bulk=2 reports=2 bounces=2",
	    .roles = R(QUEUE),
	    .help = "Turns of each kind of mail while there is some of all: mail of people, bulk, "
		    "reports, bounces. One that is not named has 1." },
	{ .name = "lane_maps",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(LOOKUP) | R(QUEUE),
	    .help =
		"Tables that name the lane of a message: `users`, `bulk`, `reports` or `bounces`. "
		"Keys, in the order in which they are looked for: `header:FIELD:VALUE` and "
		"`header:FIELD` for the fields in `lane_headers`; `login:LOGIN`; the sender as "
		"`user@domain`, `@domain`, or `<>` for the null sender; `listener:TITLE`. `DUNNO` "
		"ends the search. What no rule is for goes by what it is: a report of this host, a "
		"message from the null sender, one to more than 10 recipients, any other." },
	{ .name = "lane_headers",
	    .type = SET_LIST,
	    .def = "",
	    .roles = ROLES_SMTP,
	    .help =
		"At most 8 fields of the header whose values `lane_maps` may ask about, as "
		"{\"Precedence\", \"List-Id\"}. Of each value the first 64 characters count, in "
		"lower case and without blanks." },
	{ .section = "destination",
	    .name = "domains",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(QUEUE),
	    .help = "Next hops of this section: domains, \".example.org\" for all below one, hosts "
		    "in brackets as in routes, or \"*\". The first section that fits counts." },
	{ .section = "destination",
	    .name = "hosts",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(QUEUE),
	    .help = "The same by the hosts that the MX records of a domain name, so that all "
		    "customers of a provider are found: \".provider.example\". All of them have to "
		    "fit: a domain that names others besides is a destination of its own." },
	{ .section = "destination",
	    .name = "together",
	    .type = SET_BOOL,
	    .def = "yes",
	    .roles = R(QUEUE),
	    .help = "Whether all of them are one destination and share its limits, as those of one "
		    "provider do; otherwise each has them for itself." },
	{ .section = "destination",
	    .name = "concurrency",
	    .type = SET_INT,
	    .def = "0",
	    .max = 10000,
	    .roles = R(QUEUE),
	    .help = "Instead of `destination_concurrency`; 0 = that." },
	{ .section = "destination",
	    .name = "concurrency_start",
	    .type = SET_INT,
	    .def = "0",
	    .max = 10000,
	    .roles = R(QUEUE),
	    .help = "Instead of `destination_concurrency_start`; 0 = that." },
	{ .section = "destination",
	    .name = "recipients",
	    .type = SET_INT,
	    .def = "0",
	    .max = 100,
	    .roles = R(QUEUE),
	    .help = "Instead of `destination_recipients`; 0 = that." },
	{ .section = "destination",
	    .name = "rate",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(QUEUE),
	    .help = "Instead of `destination_rate`; empty = that." },
	{ .section = "destination",
	    .name = "retry_times",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(QUEUE),
	    .help = "As the setting of that name; what is not named here is as there." },
};

struct setting_rows settings_destination(void)
{
	return SETTING_ROWS(rows);
}
