/* The settings of the queue, read once at start and at each reload. */
#ifndef QUEUE_SETTINGS_H
#define QUEUE_SETTINGS_H

#include <stdint.h>

#include "base/str.h"
#include "breaker.h"
#include "proto/reporter.h"
#include "sched.h"

struct settings {
	uint64_t minimal_backoff, maximal_backoff; /* ms */
	uint64_t queue_lifetime, bounce_lifetime, delay_warning;
	uint64_t trash_time; /* 0 = none */
	uint64_t remote_shortcut_time; /* ms; 0 = no short cut to other hosts */
	uint64_t quirk_time; /* 0 = nothing is learned */
	uint64_t plain_time; /* for no longer it is learned that TLS fails */
	uint64_t bounce_size_limit, message_size_limit; /* bytes */
	uint64_t minimal_free, minimal_inodes;
	uint32_t login_hour, login_day, login_notice; /* recipients, 0 = no limit; percent */
	struct breaker_limits breaker;
	unsigned threads;
	char hostname[256];
	char postmaster[321];
	char tls_report_sender[REPORTER_MAX + 1];
};
extern struct settings settings;

/* Reads the configuration in force and tells the scheduler. */
void settings_load(struct sched *s);

/* What a peer can push against, and what we allow ourselves. */
enum {
	ACTIVE_MAX = 4000, /* messages in memory: a descriptor and some kilobytes each */
	LOADING_MAX = 32, /* files being read at once */
	SHORTCUT_RCPTS = 3, /* DESIGN 4.5 */
	SHORTCUT_MS = 1000,
	SHORTCUT_LINE_MS = 250, /* until it is likely to be with its next hop */
	ROUTE_MS = 30 * 1000, /* an answer of lookup */
	ROUTE_CLIENT_MS = 1000, /* the same while a client waits for its 250 */
	ROUTE_ASKS = 16, /* questions of one message at once */
	BULK_RCPTS = 10, /* more recipients than that make a message bulk */
	LANE_WEIGHT_MAX = 1000,
	SOON_MS = 3000, /* next try after a fault of ours */
	PARKED_MS = 4 * 3600 * 1000, /* who waits for a turn is looked at, however long it takes */
	JOB_LOCAL_MS = 3600 * 1000,
	JOB_REMOTE_MS = 6 * 3600 * 1000,
};

#endif
