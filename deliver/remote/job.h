/*
 * A job of the queue: a message, its recipients for one next hop, and what became of each. The
 * answer goes out when the last recipient is settled; the job is gone then.
 */
#ifndef REMOTE_JOB_H
#define REMOTE_JOB_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/chan.h"
#include "base/log.h"
#include "body.h"
#include "proto/deliver.h"
#include "transcript.h"

struct credential;
struct hop;
struct session;

enum rcpt_state {
	RCPT_PENDING, /* to be sent in the next transaction */
	RCPT_CHOSEN, /* in the current one */
	RCPT_SENT, /* its RCPT was written */
	RCPT_ACCEPTED, /* 250 to its RCPT */
	RCPT_SETTLED,
};

/* Which section "reaction" a reply fits. In the job's arena. */
struct job_reaction {
	struct str rule, reply; /* empty = none so far */
	bool undecided; /* a reply cost too much: no other of this job is compared */
};

struct job {
	TAILQ_ENTRY(job) next; /* while it waits in its hop */
	LIST_ENTRY(job) all;
	struct chan *chan; /* NULL: the queue that wants to know has gone */
	struct chan_ref ref;
	struct arena arena;
	struct deliver_job d;
	struct way way;
	uint8_t order[WAY_HOPS]; /* in which its next hops are tried */
	unsigned at; /* in order: the one that it is at */
	int fd;
	struct deliver_result *results;
	enum rcpt_state *state;
	uint32_t left; /* recipients that are not settled */
	struct hop *hop;
	struct session *session; /* that works on it; NULL while it waits */
	struct job_reaction reaction;
	struct transcript transcript;
	struct ask ask; /* for the login at its next hop */
	struct credential *credential; /* that; NULL = it needs none, or has not got it */
	bool connected; /* a connection was made for it */
	bool fresh; /* needs a new connection: an old one failed before its first answer */
	bool looked;
	struct body_look look;
	struct downgrade *down; /* how it becomes 7 bits, once a server wanted that */
};

/* Takes a DELIVER_JOB and starts on it. -1 when it is malformed. */
int job_receive(struct chan *c, struct ipc_msg *m);

/* The outcome of recipient i; relay and tls are copied. Only the first one counts. */
struct outcome {
	const struct status *status;
	const struct status *said; /* the reply that it comes from; NULL = from none */
	struct str relay, tls;
	uint8_t fault; /* enum deliver_fault */
	bool dsn; /* the next hop reports success itself */
};
void job_settle(struct job *j, uint32_t i, const struct outcome *o);
/* The same for all that are not settled yet. */
void job_settle_rest(struct job *j, const struct outcome *o);
/* Sends the answer and frees the job; all recipients are settled. */
void job_finish(struct job *j);

struct tag job_tag(const struct job *j);

/* The channel is going down: waiting jobs are dropped, unfinished transactions broken off. */
void job_orphan(struct chan *c);

unsigned job_count(void);
struct job_counts {
	uint64_t jobs, sent, deferred, failed; /* the latter three in recipients */
};
const struct job_counts *job_counts(void);

#endif
