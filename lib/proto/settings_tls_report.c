/* Settings of reports about TLS with other hosts (RFC 8460). */
#include "proto/settings.h"

static const struct setting rows[] = {
	{ .topic = "Reports about TLS",
	    .name = "tls_reports",
	    .type = SET_BOOL,
	    .def = "no",
	    .roles = R(REMOTE) | R(POLICY),
	    .help = "Count how TLS goes with the hosts of other domains, and send each domain that "
		    "wants it a report once a day (RFC 8460). Next hops whose TLS level is a fixed "
		    "one are not counted: what their domains publish is not looked at." },
	{ .name = "tls_report_organization",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(POLICY),
	    .help = "Who reports. When empty, `hostname`." },
	{ .name = "tls_report_contact",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(POLICY),
	    .help = "An address for questions about the reports, which stands in them. When empty, "
		    "`postmaster`, or postmaster at `hostname`." },
	{ .name = "tls_report_sender",
	    .type = SET_STR,
	    .def = "",
	    .roles = R(POLICY) | R(QUEUE) | R(KEYS),
	    .help = "The address that sends them, also in the From field. It gets no reports on "
		    "their delivery from this host. When empty, tls-reports at `hostname`." },
	{ .name = "tls_report_spread",
	    .type = SET_TIME,
	    .def = "4h",
	    .max = 12 * 3600 * 1000,
	    .roles = R(POLICY),
	    .help =
		"Reports go out within so long after the end of the day, by UTC, each at a time "
		"of its own." },
};

struct setting_rows settings_tls_report(void)
{
	return SETTING_ROWS(rows);
}
