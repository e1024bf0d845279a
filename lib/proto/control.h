/*
 * Control sockets: SOCK_SEQPACKET Unix sockets in the run directory, bound by master, one per
 * service: "control" (master), "queue", "accounts" (auth). A tool connects and sends requests in the
 * packet format of ipc.h; the service knows the caller by SO_PEERCRED. Answers: any number of
 * CONTROL_RECORD {str json object} and then one CONTROL_END {u32 exit status, str text}.
 *
 * CONTROL_STATUS {}, CONTROL_STOP {}, CONTROL_RELOAD {}       at "control". The records of a status are
 *	fields with tabs between them instead of JSON, which root shall not have to write:
 *		suite PID STATE GENERATION CHANNELS-REPLACED CONFIGURATION
 *		process ROLE INSTANCE PID STATE UPTIME-MS RESTARTS GENERATION ROOT LAYERS
 *		listener PORT SOCKET TITLE
 *		counts			with the end of a channel: each process says there what it counts
 *					(BOOT_STATUS of boot.h); it ends when all have
 * QUEUE_CTL_LIST {str where, bool trash}   records as `postqueue -j` prints them, and more fields: queue_name
 *	(active, deferred, hold, incoming), queue_id, arrival_time (seconds), message_size,
 *	forced_expire, sender, recipients [{address, orig_address, delay_reason}]. where: a queue id, or
 *	a query (thurn-queue(1)); "" = all. trash: of those in the trash
 * QUEUE_CTL_SHAPE {str where, bool by sender, u32 rows}: how old what a query asks for is: records {row: "total",
 *	"domain" (the largest first), "others", "unknown" (not read yet), domain, total, ages: below 5, 10, 20 ...
 *	1280 minutes and above}
 * QUEUE_CTL_SUMMARY {}               one record of counters
 * QUEUE_CTL_SHOW {str id}            a record as of a list, with body_offset and body_size, and the
 *	file as a descriptor with it; before it a record {time, recipients [address], transcript} for
 *	each dialogue with another host that has left some of them deferred, the latest first
 * QUEUE_CTL_LOGINS {str login, "" = all}: a record {login, hour, hour_until, day, day_until} for each that
 *	has sent to other hosts in a period that is not over
 * QUEUE_CTL_ACT {str action, str where, str note, i64 when, str to, str nexthop, bool dry}: hold release requeue delete flush
 *	expire restore empty. where: a queue id, a query, "ALL", or (restore) "LAST": what the last delete
 *	took. when: the order, by the time when it was given; what is deleted by one comes back together.
 *	redirect: to is an address, or nexthop as in transport(5). A record {"count": messages that it was done to}; dry: nothing
 *	is done, and the records of those messages come before. For a single id that is not there, the end
 *	has status EX_DATAERR and a text
 * QUEUE_CTL_WHY {str next hop, or name of a destination, u8 transport, which is told in any case;
 *	TRANSPORT_MAILDIR: that alone}: what keeps mail for it from going now: a record per transport
 *	{destination, transport, group, policy, limiter, wait_ms, rate, deliveries, window, cap,
 *	transport_jobs, transport_cap, slowed, slowed_ms, shortcut, pace_ms,
 *	in_memory {users, bulk, reports, bounces}, on_disk, suspension}
 * QUEUE_CTL_SUSPEND {str name, i64 seconds (0 = until resumed), str reason}, QUEUE_CTL_RESUME {str name}
 *	name: of a destination, or "source=" and that of a source
 * QUEUE_CTL_SUSPENDED {}             a record {name, since, until, reason} for each
 * QUEUE_CTL_SOURCES {str pool, "" = all}: a record for each pool {source_pool, sources [{source, helo, addresses,
 *	deliveries, cap (0 = none), rate, wait_ms, suspension}]}, as in those of QUEUE_CTL_WHY
 * QUEUE_CTL_QUIRKS {}: a record {host, quirk, found, since, until, reason} for each. QUEUE_CTL_QUIRK {i64 seconds (0 = until it is
 *	deleted), struct quirk}: sets one, or deletes it
 * QUEUE_CTL_ASK {u16 type, str body}: the queue passes LOOKUP_ROUTE, LOOKUP_EXPLAIN, LOOKUP_LANE, DELIVER_HOP, DELIVER_REPLY or RESOLVE_ASK with that
 *	body on to whoever answers it; each packet of the answer is the (binary) str of a record
 * POLICY_CTL_LIST {str domain, "" = all}: what is known of each, as in thurn-tls(1). POLICY_CTL_FLUSH {str domain, "" =
 *	all}: a record {"count": domains that were forgotten}
 * POLICY_CTL_TALLIES {str domain, "" = all}: what is counted for reports: records {domain, begin, end (0 = it goes on),
 *	due (0 = not yet over), good, bad, lost (sessions)}, of one domain also {report}: as it would be now.
 * POLICY_CTL_REPORT {str domain, "" = all}: ends what is counted and reports it now: a record {"count": reports}
 * AUTH_CTL_ADDRESS {str address}: a (binary) record: the answer to AUTH_ACCOUNT
 * AUTH_CTL_...                       changes and listings of auth.h; AUTH_CTL_TEST {struct auth_check}
 *
 * The tool's side of it is control.c.
 */
#ifndef PROTO_CONTROL_H
#define PROTO_CONTROL_H

#include <sys/types.h>

#include "base/ipc.h"

enum { CONTROL_TEXT_MAX = 1024 };

/* Who may: the owner of the suite (root, or whoever started it). Others may list their own mail. */

struct control {
	int fd; /* -1 = not connected */
	pid_t pid; /* of the process that bound the socket (master) */
	uint32_t asked;
};

/*
 * Connects to RUN/NAME; blocking. 0, or -1 with errno: ENOENT and ECONNREFUSED mean that the suite
 * is not running.
 */
int control_open(struct control *c, const char *run, const char *name);
void control_close(struct control *c);

struct control_answer {
	uint32_t status; /* exit status for the tool: 0 = done, else sysexits(3) */
	char text[CONTROL_TEXT_MAX + 1];
};

/*
 * Sends a request and calls record() for each record of the answer (m: for its descriptors, which it
 * may take). 0 when the answer is complete, -1 with errno when it never will be.
 */
int control_ask(struct control *c, uint16_t type, const struct put *w,
    void (*record)(void *arg, struct str json, struct ipc_msg *m), void *arg,
    struct control_answer *answer);

#endif
