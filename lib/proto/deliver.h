/*
 * Jobs from the queue to deliver-maildir and deliver-remote.
 *
 * DELIVER_JOB (request): struct deliver_job and one read-only descriptor of the body. Answer:
 *	DELIVER_RESULT with a status per recipient, in order, when all are decided. Body bytes are
 *	body_size bytes from body_offset, CRLF line ends as on the wire, unstuffed.
 * The name of a delivered file is made from queue id and slot and never changes; a job marked
 * `maybe` looks for it before it writes (DESIGN 6).
 */
#ifndef PROTO_DELIVER_H
#define PROTO_DELIVER_H

#include "base/arena.h"
#include "base/ipc.h"
#include "mail/status.h"
#include "proto/credentials.h"
#include "proto/families.h"
#include "proto/lookup.h"
#include "proto/queue.h"
#include "proto/resolve.h"

enum {
	JOB_RCPTS = 100,
	RELAY_MAX = 400, /* of deliver_result.relay */
	RESULT_TLS_MAX = 100,
	TRANSCRIPT_MAX = 4096,
	REACTION_NAME_MAX = 64,
	REACTION_REPLY_MAX = 200, /* bytes of a reply that are told */
};

struct deliver_rcpt {
	uint32_t slot; /* number of the recipient in the message */
	struct str addr;
	struct str orcpt; /* for DSN towards the next hop */
	uint8_t notify;
	bool maybe; /* an earlier attempt may have delivered it */
	struct str home, folder; /* maildir */
	uint32_t uid, gid;
};

/* Where a message goes out from. */
struct deliver_source {
	struct str name; /* empty: from anywhere, as this host */
	struct str helo; /* empty: hostname */
	struct ip ip[2]; /* IPv4, IPv6; family 0 = it has none */
};
static inline struct ip *deliver_source_ip(struct deliver_source *s, uint8_t family)
{
	return &s->ip[family == 6];
}

struct deliver_job {
	uint64_t trace, id;
	int64_t arrival;
	uint8_t transport; /* enum transport */
	struct str way; /* remote: struct way, encoded */
	struct deliver_source source;
	struct ticket ticket; /* remote: for the logins at its next hops */
	struct str sender;
	struct str envid;
	uint8_t ret;
	bool eightbit, utf8;
	uint64_t body_offset, body_size;
	struct edit *edits;
	uint32_t nedits;
	struct deliver_rcpt *rcpts;
	uint32_t nrcpts;
};
/* Whoever makes a job keeps it within a packet; else w->bad. */
void put_job(struct put *w, const struct deliver_job *j);
/* Strings are copied into a. 0, or -1 when malformed. */
int get_job(struct get *g, struct arena *a, struct deliver_job *j);

/* Whose fault a failure is; what comes last is that of the next hop as a whole. */
enum deliver_fault {
	FAULT_NONE, /* ours, or nobody's */
	FAULT_REPLY, /* a 4xx about this message or recipient */
	FAULT_GREYLIST, /* the same, and it is because we are new to it */
	FAULT_LOST, /* the connection broke in the middle of a message */
	FAULT_BUSY, /* a 421, or a greeting that is a 4xx: it is there, but wants less */
	FAULT_DNS, /* where it is could not be found out */
	FAULT_CONNECT, /* no connection, or nobody who speaks SMTP */
	FAULT_TLS, /* TLS is wanted and does not work */
	FAULTS
};
static inline bool fault_of_site(uint8_t fault)
{
	return fault >= FAULT_BUSY;
}
const char *fault_name(uint8_t fault); /* "greylisting" */

struct deliver_result {
	uint32_t slot;
	struct status status;
	struct str relay; /* "mx.example.org[192.0.2.1]:25"; empty for local */
	uint8_t hop; /* remote: index of the next hop in the way */
	struct str
	    tls; /* "TLSv1.3 TLS_AES_256_GCM_SHA384 X25519 verified"; empty = in plain text */
	uint8_t fault; /* enum deliver_fault */
	bool reused; /* by a connection that was there before this job */
	bool dsn; /* the next hop announced DSN and has taken over the duty to report success */
};
struct deliver_results {
	struct deliver_result *at; /* per recipient, in the order of the job */
	uint32_t n; /* at most JOB_RCPTS */
	struct str reaction; /* title of the section "reaction" that a reply fits; empty = none */
	struct str reply; /* that reply */
	struct str
	    transcript; /* what was said, if a recipient is deferred: lines of text, or empty */
};
void put_results(struct put *w, const struct deliver_results *r);
/* Strings are copied into a, the array is a's. */
int get_results(struct get *g, struct arena *a, struct deliver_results *r);

/*
 * DELIVER_HOP (request): where would mail for this next hop be sent now, and in which order are the
 * addresses tried? Asked to explain, decided by what a delivery is decided by.
 */
struct hop_question {
	uint64_t trace;
	uint8_t transport;
	struct way_hop hop;
};
enum hop_source { HOP_LITERAL, HOP_STATIC, HOP_HOST, HOP_MX, HOP_SOCKET, HOP_SOURCES };
struct hop_try {
	struct ip ip;
	uint32_t host; /* index in mail.hosts */
	uint64_t dead_ms; /* it did not answer lately: tried last for so long */
};
struct hop_reply {
	struct status status; /* code 0: there is somewhere to go */
	uint8_t source; /* enum hop_source: who knew the addresses */
	uint16_t port;
	struct families families; /* of its addresses: which are used, and which first */
	struct mail_reply mail;
	uint32_t
	    usable; /* hosts of mail; those behind them are left out, because mail would loop */
	struct hop_try *tries;
	uint32_t ntries;
	struct hop_policy *policies;
	uint32_t npolicies;
};
/* Who decided how a host is to be spoken to. */
enum tls_source { TLS_BY_TABLE, TLS_BY_DANE, TLS_BY_STS, TLS_BY_CHANCE, TLS_SOURCES };
struct hop_record { /* TLSA */
	uint8_t usage, selector, matching;
	bool usable;
	struct str data; /* its beginning */
};
/* How a host would be spoken to, and why. */
struct hop_policy {
	uint32_t host; /* index in mail.hosts */
	struct status status; /* code 0: by that level; else it gets nothing now */
	uint8_t source; /* enum tls_source */
	uint8_t level; /* enum tls_level; TLS_LEVEL_DANE: by the records that are usable */
	struct str reason;
	struct str base; /* where the records are (RFC 7672 2.2.3); empty = there are none */
	struct hop_record *records;
	uint32_t nrecords;
	bool more; /* records were left out */
};
enum {
	HOP_TRIES_MAX = 20,
	HOP_POLICIES_MAX = 10, /* hosts of which the policy is told */
	HOP_RECORDS_MAX = 8,
	HOP_RECORD_DATA_MAX = 64,
	HOP_REASON_MAX = 200,
};
/*
 * DELIVER_REPLY (request): what would be done if that host said that? Answer: struct reply_verdict.
 */
struct reply_question {
	struct str destination; /* a next hop, or one of its hosts */
	struct str reply; /* "421 4.7.0 text" */
};
struct reply_verdict {
	struct str rule; /* title of the section; empty = nothing */
	struct str where; /* "thurn.conf:12" */
	struct str action;
	bool temporary;
	struct str why; /* a section that could not be decided, and why; or empty */
};
void put_reply_question(struct put *w, const struct reply_question *q);
int get_reply_question(struct get *g, struct reply_question *q); /* borrows from the packet */
void put_reply_verdict(struct put *w, const struct reply_verdict *v);
int get_reply_verdict(struct get *g, struct reply_verdict *v); /* borrows from the packet */

void put_hop_question(struct put *w, const struct hop_question *q);
int get_hop_question(struct get *g, struct hop_question *q); /* borrows from the packet */
void put_hop_reply(struct put *w, const struct hop_reply *r);
int get_hop_reply(struct get *g, struct arena *a, struct hop_reply *r);

#endif
