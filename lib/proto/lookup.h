/*
 * Questions to services/lookup. smtpd asks whether, the queue asks where.
 */
#ifndef PROTO_LOOKUP_H
#define PROTO_LOOKUP_H

#include "base/arena.h"
#include "base/ipc.h"
#include "mail/envelope.h"
#include "mail/status.h"
#include "proto/grant.h"
#include "proto/lane.h"
#include "proto/tls_wish.h"
#include "proto/way.h"

enum {
	/* fields of a question */
	ACCESS_LISTENER_MAX = 255,
	ACCESS_CLIENT_MAX = 64,
	ACCESS_HELO_MAX = 255,
	ACCESS_LOGIN_MAX = 320,
	ACCESS_NAME_MAX = 255,
	ACCESS_LISTED_MAX = 500,
	ACCESS_TLS_MAX = 128,
	ACCESS_PEER_MAX = 255,
	ACCESS_FINGERPRINT_MAX = 95, /* SHA-256 as "AB:01:..." */
	ACCESS_ACTIONS = 4, /* client, HELO name, sender, recipient: one rule of each */
};

/* What DNS says of the name of a client. */
enum name_state {
	NAME_UNASKED,
	NAME_CONFIRMED, /* it leads back to the address */
	NAME_UNCONFIRMED, /* its reverse zone names it, but that leads elsewhere or nowhere */
	NAME_NONE,
	NAME_FAILED, /* not known now */
	NAME_STATES
};

/*
 * LOOKUP_CLIENT, LOOKUP_RCPT: may this client, this recipient pass?
 * Fields that are not known yet are empty.
 */
struct access_question {
	uint64_t trace;
	struct str listener; /* title of the listener */
	struct str client; /* numeric address */
	struct str helo;
	struct str login; /* authenticated as */
	struct str sender;
	struct str rcpt;
	bool trusted; /* the listener says that this client may relay (local socket) */
	bool submission; /* a user's own device: rules for strangers do not count */
	struct str name; /* of the client, confirmed by DNS */
	struct str listed; /* "zone (127.0.0.2): why": on that DNS list; empty = on none */
	uint8_t name_state; /* enum name_state */
	struct str tls; /* "TLSv1.3 TLS_AES_256_GCM_SHA384 X25519"; empty = in clear text */
	struct str peer; /* whose certificate the client has shown, if it was verified */
	struct str certificate, key; /* fingerprints of any that it has shown; empty = of none */
};
struct access_answer {
	struct status status; /* 2xx = go on; 4xx, 5xx = say this to the client */
	struct str rule; /* which rule decided, with file:line: for the log, never for the client */
	bool relay; /* LOOKUP_CLIENT: in trusted_networks */
	struct action actions[ACCESS_ACTIONS]; /* LOOKUP_RCPT: what rules want of the message */
	uint32_t nactions;
	bool outgoing; /* LOOKUP_RCPT: it is at another host */
	uint32_t per_hour, per_day; /* so many of those the login may send to; 0 = not its own */
	struct str charged; /* whose limits these are, if it is not the login itself */
};
void put_access_question(struct put *w, const struct access_question *q);
int get_access_question(struct get *g, struct access_question *q); /* borrows from the packet */
void put_access_answer(struct put *w, const struct access_answer *a);
int get_access_answer(struct get *g, struct access_answer *a); /* borrows from the packet */

/*
 * LOOKUP_SENDER: may this login send in the name of these addresses? The answer is a struct
 * access_answer, about the first that it may not.
 */
enum { SENDERS_MAX = 50 };
struct sender_question {
	uint64_t trace;
	struct str login;
	uint32_t n;
	struct str addresses[SENDERS_MAX];
};
void put_sender_question(struct put *w, const struct sender_question *q);
int get_sender_question(struct get *g, struct sender_question *q); /* borrows from the packet */

enum { SOURCE_NAME_MAX = 100 /* of a section source or source_pool */ };

/*
 * LOOKUP_LANE: in which lane does this message go? By the first rule of lane_maps for one of its marks, its
 * login, its sender, its listener.
 */
struct lane_question {
	uint64_t trace;
	struct str sender, login, listener, marks; /* as in struct envelope */
};
struct lane_answer {
	bool failed; /* a table could not say; rule is which */
	uint8_t lane; /* enum lane; LANES = no rule is for it */
	struct str rule;
};
void put_lane_question(struct put *w, const struct lane_question *q);
int get_lane_question(struct get *g, struct lane_question *q); /* borrows from the packet */
void put_lane_answer(struct put *w, const struct lane_answer *a);
int get_lane_answer(struct get *g, struct lane_answer *a); /* borrows from the packet */

/*
 * LOOKUP_ROUTE: where does mail for this recipient go? Aliases are expanded, rewriting is done, a
 * transport is chosen. The answer is one or more packets of LOOKUP_ROUTE replies to the same id;
 * all but the last have `more` and are sent by chan_answer_part(). A target's own failure (loop,
 * bad alias) is a TRANSPORT_ERROR.
 */
struct route_question {
	uint64_t trace;
	struct str sender;
	struct str rcpt;
	struct str
	    filter; /* "transport:nexthop" of an ACTION_FILTER: the recipient goes there as it is */
	struct str filter_rule;
	uint8_t lane; /* enum lane */
};

enum transport {
	TRANSPORT_MAILDIR, /* home, uid, gid, extension are set */
	TRANSPORT_SMTP, /* way is set */
	TRANSPORT_LMTP,
	TRANSPORT_DISCARD, /* accept and forget */
	TRANSPORT_ERROR, /* status says why: 5xx bounces, 4xx is tried again */
	TRANSPORT_HOLD, /* keep until released */
	TRANSPORT_MAX
};

struct route {
	uint8_t transport;
	struct str addr; /* the final recipient address */
	struct str
	    nexthop; /* what mail to other hosts is queued by: a next hop, or a list of them */
	struct str way; /* to other hosts: struct way, encoded */
	struct str pool; /* by SMTP: section source_pool; empty = any address will do */
	struct str pool_rule;
	struct str
	    owner; /* envelope sender to use instead (owner-alias); empty = the message's own */
	struct str home; /* below the mail directory: "example.org/alice" */
	struct str folder; /* mailbox below it, "" = INBOX */
	uint32_t uid, gid;
	struct status status;
	struct str rule;
};
struct route_answer {
	bool more;
	bool expanded; /* the recipient became others: the queue keeps the result as a record */
	struct route *routes;
	uint32_t nroutes;
};

/*
 * LOOKUP_EXPLAIN {struct route_question}: which tables and lists are asked on the way to that answer, in
 * order, and what they say. What does not fit is left out.
 */
enum { LOOKUP_STEPS_MAX = 500 };
struct lookup_step {
	bool found, failed;
	struct str setting; /* whose tables or list: "transport_maps"; empty: see value */
	struct str key; /* what was looked for */
	struct str rule; /* where it was found, with file:line; empty = nowhere */
	struct str
	    value; /* what stands there; why the table could not answer, or what is wrong with it */
};
void put_lookup_steps(struct put *w, const struct lookup_step *s, uint32_t n, bool more);
/* *more: some were left out. Strings and array are a's. */
int get_lookup_steps(
    struct get *g, struct arena *a, struct lookup_step **s, uint32_t *n, bool *more);

void put_route_question(struct put *w, const struct route_question *q);
int get_route_question(struct get *g, struct route_question *q);
void put_route(struct put *w, const struct route *r);
int get_route(struct get *g, struct arena *a, struct route *r);
void put_route_answer(struct put *w, const struct route_answer *r);
int get_route_answer(struct get *g, struct arena *a, struct route_answer *r);

#endif
