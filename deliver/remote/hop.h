/*
 * Next hops: which connections there are to each, which jobs wait for one, and how many connections
 * the whole process may have. How many jobs go to a next hop at a time is the queue's decision;
 * here each gets a connection at once, an idle one if there is one, until the process is at its
 * limit; but none is opened in place of one that is still being closed. The same host under another TLS policy, with another login, or reached from another source, is
 * another next hop: connections are not shared.
 */
#ifndef REMOTE_HOP_H
#define REMOTE_HOP_H

#include "credential.h"
#include "job.h"
#include "nexthop.h"
#include "proto/way.h"
#include "site.h"

struct hop {
	LIST_ENTRY(hop) chain;
	TAILQ_ENTRY(hop) starved_next;
	bool starved; /* more jobs wait than connections are being closed */
	uint8_t transport;
	struct nexthop target;
	struct tls_wish wish;
	TAILQ_HEAD(job_list, job) waiting;
	TAILQ_HEAD(session_list, session) idle; /* most recently used first */
	unsigned nwaiting;
	unsigned sessions; /* idle, busy and closing */
	unsigned closing; /* of these, those whose QUIT is on its way */
	unsigned pins; /* those who want it explained */
	struct site_finder finder;
	struct credential *credential; /* its mail logs in with this; NULL = it does not */
	struct way_hop way; /* what jobs say of it; its strings are ours */
	struct deliver_source source; /* the same */
	struct arena arena;
};

/* Which of its addresses may be used from its source. */
struct families hop_families(const struct hop *h);

/* Decides in which order its next hops are tried. */
void hop_choose(struct job *j);
/* Starts the job at the next hop that is its turn, or lets it wait for a connection there. */
void hop_submit(struct job *j);
/*
 * That next hop could not be reached: starts the job at the one behind it. False when there is none, or
 * it would be no use; o has to be the job's outcome then.
 */
bool hop_submit_elsewhere(struct job *j, const struct outcome *o);
/* Takes a waiting job back. */
void hop_withdraw(struct job *j);

/* What a session tells about itself. The next job for it; NULL: it is idle now, or has been closed.
 */
struct job *hop_session_free(struct session *s);
/* It has said QUIT. The other host still counts it: one of the jobs that wait goes on doing so. */
void hop_session_closing(struct session *s);
void hop_session_gone(struct session *s);
/* It is about to close and may not be used again, though it was idle. */
void hop_session_not_idle(struct session *s);

/* The same login with another token. */
void hop_login(struct hop *h, struct credential *c);

/* Closes all idle connections, and from now on each that becomes idle. */
void hop_close_idle(void);

unsigned hop_connections(void);

/* What that leads to, from anywhere, kept until hop_unpin(), or NULL when it cannot be read. */
struct hop *hop_pin(const struct hop_question *q);
void hop_unpin(struct hop *h);

#endif
