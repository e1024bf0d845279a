/*
 * One connection to a next hop: its life, and replies. How it comes about is in reach.c, what is said
 * until it is ready in greeting.c, and then in transaction.c.
 *
 * The server is not trusted. Each reply answers the oldest command that is open; anything that
 * comes when nothing is open ends the connection, so that no reply can be put in advance.
 */
#ifndef REMOTE_SESSION_H
#define REMOTE_SESSION_H

#include "body.h"
#include "caps.h"
#include "command.h"
#include "dial.h"
#include "hop.h"
#include "net/conn.h"
#include "quirks.h"
#include "reply.h"
#include "tlspolicy.h"
#include "unixdial.h"

enum session_state {
	S_RESOLVING,
	S_CONNECTING,
	S_GREETING,
	S_HELLO, /* EHLO, HELO or LHLO was sent */
	S_STARTTLS, /* was sent */
	S_HANDSHAKE,
	S_AUTH, /* logging in */
	S_READY, /* greeted; idle, or about to get a job */
	S_ENVELOPE, /* RSET, MAIL, RCPT, DATA */
	S_CONTENT, /* the message is being sent */
	S_FINAL, /* all of it was sent: the answer decides */
	S_CLOSING, /* QUIT is on its way */
	S_DEAD, /* closed; memory is given back when the loop comes round */
	S_STATES
};

/* What a reply may answer. */
enum step {
	STEP_GREETING,
	STEP_EHLO,
	STEP_HELO,
	STEP_LHLO,
	STEP_STARTTLS,
	STEP_AUTH,
	STEP_RSET,
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_CHUNK, /* BDAT without LAST */
	STEP_FINAL, /* the final dot, or BDAT LAST; with LMTP one per accepted recipient */
	STEPS
};

enum { EXPECT_MAX = JOB_RCPTS + 16 };

struct expect {
	uint8_t step;
	uint16_t rcpt; /* index in the job, for STEP_RCPT and the STEP_FINAL of LMTP */
};

/* Where a mail transaction stands. */
struct transaction {
	enum { T_RSET, T_MAIL, T_RCPT, T_DATA, T_SENT } next; /* what to send next */
	uint32_t cursor; /* first recipient whose RCPT may not have been sent */
	uint32_t accepted; /* recipients */
	bool answered; /* the server has said something in it */
	bool refused; /* MAIL or DATA was */
	bool void_data; /* 354 without recipients: an empty message ends it */
	bool burst; /* commands were sent before the answer to others was there */
	bool begun; /* MAIL was written: counts as a message */
	bool down; /* the content is converted to 7 bits: job->down */
	enum body_form form;
	uint64_t sent; /* bytes of content */
	struct mail_needs needs;
	struct body body;
};

struct session {
	struct conn conn;
	struct hop *hop; /* NULL when it is S_DEAD */
	bool idle, closing; /* of hop.c: it waits for a job; it has said QUIT */
	TAILQ_ENTRY(session) idle_next, all_idle_next;

	enum session_state state;
	struct site_wait finding;
	struct site *site;
	struct site_order order;
	unsigned next; /* in order: to be tried next */
	unsigned at; /* in order: connected to */
	struct tlspolicy_find policy; /* of the host at next */
	bool plain; /* TLS has failed there: now without */
	bool ours; /* it failed because of the source */
	bool later; /* an address may be better another time */
	struct dial *dial; /* NULL: not connecting */
	struct unixdial *unixdial; /* the same, to a Unix socket */
	struct ip ip; /* of who is at the other end */
	char relay[HOP_HOST_MAX + IP_TEXT + 16]; /* "host[192.0.2.1]:25" */

	bool tls; /* a handshake was begun on this connection */
	char tls_text[RESULT_TLS_MAX]; /* as in deliver_result */

	struct caps caps;
	struct reply reply;
	struct expect expects[EXPECT_MAX]; /* a ring */
	unsigned first, nexpects;

	struct login *login; /* NULL: not logging in */
	bool decided; /* what has failed would fail elsewhere, too */

	struct timer reap;
	struct job *job;
	unsigned served; /* transactions begun on this connection */
	bool need_rset; /* the last transaction was left half-way */
	unsigned quirks; /* QUIRK_BIT()s of the server */
	bool trial; /* it has pipelining, which is not used, because it seems to fail */
	bool last; /* the server said 421: close after this */
	bool replying; /* what it has said is being dealt with */
	uint8_t step; /* of that: enum step */
	struct transaction t;
};

struct session_counts {
	uint64_t made, reused; /* connections; jobs that got one that was there */
	uint64_t tls, resumed; /* of those made: with TLS; by a session of before */
};
const struct session_counts *session_counts(void);

/* A new connection to h for that job. h has counted it already. */
void session_open(struct hop *h, struct job *j);
/* A session that is not idle any more gets a job. */
void session_run(struct session *s, struct job *j);
/* Says QUIT and goes. Not while it has a job. */
void session_quit(struct session *s);
/* The message is out completely: whatever happens now, it may arrive. */
bool session_committed(const struct session *s);
/* Breaks the connection; the job is forgotten, not settled. */
void session_abort(struct session *s);

/* --- for greeting.c, transaction.c and reach.c ------------------------------------------------ */

/* Takes the descriptor of a connection to s->order.at[s->at]; *fd = -1. */
void session_connected(struct session *s, int *fd);
void session_state(struct session *s, enum session_state to);
void session_expect(struct session *s, enum step step, uint32_t rcpt);
/*
 * Writes a command, with its CRLF, that is answered by that step, and puts it into the transcript: so
 * none with a secret. -1 when there is no room now.
 */
int session_command(struct session *s, struct str line, enum step step, uint32_t rcpt);
/* Gives up the connection; its job begins anew, with another one to the same next hop. */
void session_again(struct session *s);
/* Gives up the connection; st is the outcome of what was not settled. s is S_DEAD afterwards. */
void session_fail(struct session *s, const struct status *st);
/*
 * The refusal that is being dealt with, as it came; in *st. NULL when it is none.
 */
const struct status *session_said(struct session *s, struct status *st);
/* A reply as the outcome of its command; one of a class that makes no sense there is a failure. */
void session_reply_status(
    struct session *s, const struct reply *r, enum step step, struct status *st);

#endif
