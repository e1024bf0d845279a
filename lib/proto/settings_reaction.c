/* Settings of sections "reaction". */
#include "proto/settings.h"

static const struct setting rows[] = {
	{ .topic = "Reactions",
	    .section = "reaction",
	    .name = "reply",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(QUEUE) | R(REMOTE),
	    .help = "What a destination says, as '/pattern/' in pcre_table(5), best in single "
		    "quotes. It is compared with what stands in the log of a failure: the code, "
		    "the enhanced code, the text, and to what it was the answer, as in \"421 4.7.0 "
		    "[TS01] Try again later (in reply to MAIL FROM command)\"; all lines of a "
		    "reply are one. Where PCRE2 meets one of its limits nothing is done. The "
		    "first section that fits counts; `thurn explain reply` says which." },
	{ .section = "reaction",
	    .name = "domains",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(QUEUE) | R(REMOTE),
	    .help = "For these next hops only, as in sections `destination`." },
	{ .section = "reaction",
	    .name = "hosts",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(QUEUE) | R(REMOTE),
	    .help = "For these hosts only: \".provider.example\". With `domains`, one of both is "
		    "enough; with neither, a section is for all." },
	{ .section = "reaction",
	    .name = "action",
	    .type = SET_ENUM,
	    .def = "slow",
	    .choices = "slow|suspend|move",
	    .roles = R(QUEUE) | R(REMOTE),
	    .help = "What is done with the destination that has said so, with all that shares "
		    "its limits: `slow` divides its cap and its rates by `factor`; `suspend` "
		    "keeps its mail on disk; `move` sends it from the addresses of another "
		    "`source_pool`. Mail for it from other pools is not touched by any of these." },
	{ .section = "reaction",
	    .name = "source_pool",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(QUEUE),
	    .help = "Where mail is moved to." },
	{ .section = "reaction",
	    .name = "factor",
	    .type = SET_INT,
	    .def = "4",
	    .min = 2,
	    .max = 1000,
	    .roles = R(QUEUE),
	    .help = "How much slower." },
	{ .section = "reaction",
	    .name = "time",
	    .type = SET_TIME,
	    .def = "1h",
	    .min = 1000,
	    .max = INT64_C(30) * 86400 * 1000,
	    .roles = R(QUEUE),
	    .help = "For how long; counted anew when it is said again. It lasts over reloads and "
		    "restarts, is shown by `thurn queue suspended` and `thurn queue why`, and "
		    "ends before with `thurn queue resume`, or when the section is gone." },
	{ .section = "reaction",
	    .name = "temporary",
	    .type = SET_BOOL,
	    .def = "no",
	    .roles = R(REMOTE),
	    .help = "Whether a 5xx is taken for a 4xx: what it refused stays in the queue and is "
		    "tried again. For blocks that are about this host and not about a message." },
};

struct setting_rows settings_reaction(void)
{
	return SETTING_ROWS(rows);
}
