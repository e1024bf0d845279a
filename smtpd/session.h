/*
 * One connection: its state, what it may do, what it has done. The state is an enum that
 * session_to() alone changes; commands are rows of a table (command.c) that name the states in which
 * they are allowed. A session waits for at most one answer of another process at a time, and reads
 * no further meanwhile.
 */
#ifndef SMTPD_SESSION_H
#define SMTPD_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/chan.h"
#include "base/log.h"
#include "clients.h"
#include "net/conn.h"
#include "net/ip.h"
#include "proto/secure.h"
#include "settings.h"
#include "transaction.h"

enum session_state {
	S_PROXY = 1 << 0, /* a PROXY header has to come first */
	S_CONNECT = 1 << 1, /* no greeting yet: the client has to be silent */
	S_START = 1 << 2, /* greeted */
	S_READY = 1 << 3, /* HELO is done, no transaction */
	S_MAIL = 1 << 4, /* a sender is accepted */
	S_RCPT = 1 << 5, /* and a recipient */
	S_DATA = 1 << 6, /* content flows, up to the dot */
	S_CHUNK = 1 << 7, /* content flows, or is skipped, up to the end of the chunk */
	S_CHUNKED = 1 << 8, /* between the chunks of a message */
	S_COMMIT = 1 << 9, /* the queue has it and has not answered */
	S_CLOSE = 1 << 10, /* the last reply is on its way */
	S_AUTH = 1 << 11, /* what comes are messages of a login */
	S_TLS = 1 << 12, /* the handshake of TLS */
};

struct access_answer;

struct session {
	struct conn conn;
	struct ask ask;
	struct body_wait body_wait;
	struct timer delay; /* before the greeting, or the answer to a wrong login */
	TAILQ_ENTRY(session) next;
	struct tag tag;
	struct client *counts; /* NULL: this client is not limited */
	struct transaction *transaction;
	struct secure *secure; /* the listener's TLS; NULL = never */
	const char *listener; /* title; lives as long as the process */
	char *helo, *login; /* heap; NULL = not known */
	char *proved; /* heap; the login, once the client has heard the mechanism's last word */
	char *name, *listed; /* heap; confirmed name, and DNS list with its reason; names.c */
	struct ask name_ask;
	void (*named)(struct session *s); /* waits for them */
	bool naming; /* they have been asked for */
	uint8_t name_state; /* enum name_state */
	struct ip peer, ip; /* who connected; for whom (PROXY, XCLIENT) */
	enum session_state state;
	uint8_t service; /* enum service */
	bool esmtp, trusted, waiting;
	bool quiet; /* a proxy's health check: not logged */
	bool flooded; /* a reply did not fit */
	bool exchange; /* sasl knows of a login under way here */
	uint64_t asked; /* when it was asked last */
	unsigned errors, idle_commands, messages, wrong_logins;
	size_t skipping; /* bytes skipped of a line that is too long */
	uint64_t chunk; /* bytes of the chunk still to come */
	bool chunk_last;
	bool chunk_refused; /* it will be skipped and answered with 503 */
	uint64_t period; /* content bytes at the start of this period */
	enum session_state after_chunk; /* where a refused chunk leads back to */
	/* what becomes of the answer that is waited for */
	void (*answered)(struct session *s, const struct access_answer *a);
	void (*got_body)(struct session *s, struct body *b);
	char client[IP_TEXT]; /* ip as text, or "local" */
};

/* A new connection; takes *fd. listener is the section's title, secure its TLS (NULL = never). */
struct sockaddr;
void session_new(int *fd, enum service service, const char *listener, struct secure *secure,
    const struct sockaddr *from);
unsigned session_count(void);
/* No new transactions; sessions without one end now. */
void session_drain(void);
void session_on_last(void (*fn)(void)); /* called whenever the last one has gone */

void session_to(struct session *s, enum session_state to);

/* A reply, or a line of one, that is ready to be sent. */
void session_say(struct session *s, struct str line);
/* One reply: "code enhanced text". */
void session_reply(struct session *s, int code, const char *enhanced, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same for a refusal: it counts, and one too many ends the session instead. */
void session_refuse(struct session *s, int code, const char *enhanced, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* One line in the log for something that was refused for a reason of its own. */
void session_log_refusal(
    struct session *s, const char *event, struct str to, const struct status *st, struct str rule);
/* A last reply; the session ends. */
void session_end(struct session *s, const char *event, int code, const char *enhanced,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Without a word. */
void session_cut(struct session *s, const char *event);

/*
 * For an answer of another process: nothing is read after session_wait(). When the answer is there:
 * session_answer(), what is to be done, session_go_on(), which reads on unless there is something
 * else to wait for.
 */
void session_wait(struct session *s);
void session_answer(struct session *s);
void session_go_on(struct session *s);
/* The time that the client has in this state begins now. */
void session_set_deadline(struct session *s);

/* The transaction is over, however it ended. */
void session_clear_transaction(struct session *s);
/* HELO and its sisters: everything behind them is forgotten. */
void session_hello(struct session *s, struct str name, bool esmtp);
bool session_is_lmtp(const struct session *s);
/* Is the connection encrypted? */
bool session_secure(const struct session *s);
/* Can STARTTLS be said now? Does it have to be? */
bool session_offers_tls(const struct session *s);
bool session_needs_tls(const struct session *s);
/* May the client demand TLS of all hosts to come (RFC 8689 3)? It has to use it itself. */
bool session_requires_tls(const struct session *s);
/* Mail begins its way here, and only for users who have logged in: RFC 6409. */
bool session_is_submission(const struct session *s);
/* Who it is was proved, by AUTH or by the word of a proxy. */
bool session_authenticated(const struct session *s);
/* Users may send in their own name only, and this is one. */
bool session_binds_sender(const struct session *s);
const struct offer *session_offer(const struct session *s);
/* For an answer of the queue that came when the client had gone: frees the session. */
void session_outlived(struct session *s);
/* What arrived before it was asked for. */
bool session_unsynchronised(const struct session *s, struct str behind);

#endif
