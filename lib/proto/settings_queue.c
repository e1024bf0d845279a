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
	{ .name = "queue_minimal_free",
	    .type = SET_SIZE,
	    .def = "64M",
	    .max = INT64_C(1) << 50,
	    .roles = R(QUEUE),
	    .help =
		"Space of the spool's file system that stays free: below it, mail is refused with "
		"452 while the queue goes on draining." },
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
