/* Settings of the queue. */
#include "proto/settings.h"

static const struct setting rows[] = {
	{ .topic = "The queue",
	    .name = "minimal_backoff",
	    .type = SET_TIME,
	    .def = "300s",
	    .min = 1000,
	    .max = INT64_C(7) * 86400 * 1000,
	    .roles = R(QUEUE),
	    .help =
		"How long a message waits after its first failed try. The wait grows with the age "
		"of the message, and varies by an eighth." },
	{ .name = "maximal_backoff",
	    .type = SET_TIME,
	    .def = "4000s",
	    .min = 1000,
	    .max = INT64_C(7) * 86400 * 1000,
	    .roles = R(QUEUE),
	    .help =
		"The longest wait between two tries, and the longest suspension of a destination "
		"that does not answer." },
	{ .name = "queue_lifetime",
	    .type = SET_TIME,
	    .def = "5d",
	    .max = INT64_C(100) * 86400 * 1000,
	    .roles = R(QUEUE),
	    .help = "After that time a message is returned as undeliverable. 0: after one try." },
	{ .name = "bounce_lifetime",
	    .type = SET_TIME,
	    .def = "5d",
	    .max = INT64_C(100) * 86400 * 1000,
	    .roles = R(QUEUE),
	    .help = "The same for messages from the null sender." },
	{ .name = "trash_time",
	    .type = SET_TIME,
	    .def = "24h",
	    .max = INT64_C(100) * 86400 * 1000,
	    .roles = R(QUEUE),
	    .help = "How long a message that an administrator has deleted can be brought back "
		    "(thurn queue undo). 0: not at all." },
	{ .name = "delay_warning",
	    .type = SET_TIME,
	    .def = "0s",
	    .max = INT64_C(100) * 86400 * 1000,
	    .roles = R(QUEUE),
	    .help =
		"Tell the sender once when a message is that old and not delivered; 0 = never." },
	{ .name = "bounce_size_limit",
	    .type = SET_SIZE,
	    .def = "50k",
	    .max = 256 * 1024,
	    .roles = R(QUEUE),
	    .help = "Of messages larger than that, a bounce returns only the header." },
	{ .name = "report_language",
	    .type = SET_STR,
	    .def = "en",
	    .roles = R(QUEUE),
	    .help = "The language of reports to senders whose own is not known: \"en\", which is "
		    "built in, or the title of a `report` section." },
	{ .name = "breaker_failures",
	    .type = SET_INT,
	    .def = "100",
	    .max = 1000000000,
	    .roles = R(QUEUE),
	    .help = "When so many recipients fail for good within `breaker_window` for reasons of "
		    "this host (a table, DNS, a route; not what another host has said), and they "
		    "are `breaker_percent` of all, something here is broken: such failures are "
		    "then temporary for `breaker_hold`, and the log has an error. 0: never." },
	{ .name = "breaker_percent",
	    .type = SET_INT,
	    .def = "50",
	    .min = 1,
	    .max = 100,
	    .roles = R(QUEUE),
	    .help = "See `breaker_failures`." },
	{ .name = "breaker_window",
	    .type = SET_TIME,
	    .def = "10m",
	    .min = 1000,
	    .max = INT64_C(7) * 86400 * 1000,
	    .roles = R(QUEUE),
	    .help = "See `breaker_failures`." },
	{ .name = "breaker_hold",
	    .type = SET_TIME,
	    .def = "15m",
	    .min = 1000,
	    .max = INT64_C(7) * 86400 * 1000,
	    .roles = R(QUEUE),
	    .help = "See `breaker_failures`." },
	{ .name = "queue_minimal_free",
	    .type = SET_SIZE,
	    .def = "64M",
	    .max = INT64_C(1) << 50,
	    .roles = R(QUEUE),
	    .help =
		"Space of the spool's file system that stays free: below it, mail is refused with "
		"452 while the queue goes on draining. Of what is above it, half is for messages "
		"larger than 256k that are coming in: each of them counts as message_size_limit, "
		"and those for which there is no room get 452 as well." },
	{ .name = "queue_minimal_inodes",
	    .type = SET_INT,
	    .def = "1000",
	    .max = INT64_C(1) << 40,
	    .roles = R(QUEUE),
	    .help = "The same for inodes." },
	{ .name = "queue_threads",
	    .type = SET_INT,
	    .def = "20",
	    .min = 2,
	    .max = 200,
	    .roles = R(QUEUE),
	    .help = "Threads that write and sync files. Takes effect at the next start." },
	{ .name = "remote_shortcut_time",
	    .type = SET_TIME,
	    .def = "50ms",
	    .max = 500,
	    .roles = R(QUEUE),
	    .help = "When a next hop has lately taken mail within that time, a message for it is "
		    "passed on "
		    "before the client is told that it has been accepted, and is written to the "
		    "spool only "
		    "when it is not there within a second. 0: every message is written to the "
		    "spool first." },
	{ .name = "destination_concurrency",
	    .type = SET_INT,
	    .def = "20",
	    .min = 1,
	    .max = 10000,
	    .roles = R(QUEUE),
	    .help =
		"Deliveries under way at once to one destination, once it has shown that it takes "
		"them." },
	{ .name = "destination_concurrency_start",
	    .type = SET_INT,
	    .def = "5",
	    .min = 1,
	    .max = 10000,
	    .roles = R(QUEUE),
	    .help = "The same for a destination of which nothing is known yet." },
	{ .name = "destination_recipients",
	    .type = SET_INT,
	    .def = "50",
	    .min = 1,
	    .max = 100,
	    .roles = R(QUEUE),
	    .help = "Recipients of one message that go to another host together." },
};

struct setting_rows settings_queue(void)
{
	return SETTING_ROWS(rows);
}
