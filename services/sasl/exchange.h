/*
 * One login that is under way, for an asker: a server's channel (server.c) or a connection that
 * speaks Dovecot's protocol (dovecot.c). The mechanism (mech.h) sees the client's messages;
 * whatever it wants to know about an account it asks auth.
 */
#ifndef SASL_EXCHANGE_H
#define SASL_EXCHANGE_H

#include <sys/queue.h>

#include "base/chan.h"
#include "base/log.h"
#include "proto/sasl.h"

/* What a peer can push against. */
enum {
	EXCHANGES_MAX = 1024, /* of one asker */
	ROUNDS_MAX = 6, /* messages of a client in one exchange; SCRAM and OAUTHBEARER have 3 */
	EXCHANGE_TIME =
	    120 * 1000, /* ms of silence of a client; servers have a time of their own */
	AUTH_DEADLINE = 30 * 1000,
};

struct exchange;
struct mechanism;

/* Embedded in its owner. */
struct asker {
	/* The answer to the message at hand; x has ended unless it is a SASL_CONTINUE. */
	void (*answer)(struct asker *a, struct exchange *x, const struct sasl_answer *answer);
	uint16_t instance; /* of a login process; else 0 */
	bool takes_data; /* SASL_OK may have some */
	unsigned count;
	LIST_HEAD(, exchange) exchanges; /* the latest first */
};

struct exchange {
	struct asker *asker;
	uint64_t id;
	struct chan_ref ref; /* the request at hand, for askers that are channels */
	struct tag tag;
	const struct mechanism *mechanism;
	char service[AUTH_SERVICE_MAX + 1], client[CLIENT_MAX + 1];
	char certificate[LOGIN_MAX + 1];
	char exporter[SASL_EXPORTER_BYTES];
	size_t exporter_size; /* 0 = there is none */
	char login[LOGIN_MAX + 1]; /* of the mechanism, once it is known */
	bool refused; /* the client has been told why, and has one message left */
	unsigned rounds;
	void *state; /* the mechanism's */
	struct ask ask;
	void (*answered)(struct exchange *x, struct get *g); /* an answer of auth has come */
	struct timer deadline;
	LIST_ENTRY(exchange) next;
};

/*
 * Is there room for one more? If need be the oldest in which it is the client's turn makes room, so
 * that clients who begin and say nothing cannot keep out those who go on. False: all wait for auth.
 */
bool exchange_room(struct asker *a);
/* Begins one and sees to its answer. The asker knows that the id is free, and that there is room. */
void exchange_start(struct asker *a, const struct sasl_start *s, struct chan_ref ref);
/* NULL if there is none (any more). */
struct exchange *exchange_find(struct asker *a, uint64_t id);
/* The client's next message. */
void exchange_more(struct exchange *x, struct chan_ref ref, struct str data);
/* Does that exchange wait for auth? Then it is not the client's turn. */
bool exchange_busy(const struct exchange *x);
/* Ends it without an answer. */
void exchange_cancel(struct exchange *x);
void exchange_cancel_all(struct asker *a);
unsigned exchange_count(void);
/* Calls idle() once none waits for auth. */
void exchanges_drain(void (*idle)(void));

/* Fills in the verdict and the status that belongs to it. */
void exchange_verdict(struct sasl_answer *a, enum sasl_verdict v);

/* --- for mechanisms: each step ends in one of these ------------------------------------------- */

void exchange_challenge(struct exchange *x, struct str data);
void exchange_end(struct exchange *x, enum sasl_verdict v);
/* An account of auth's: the exchange ends well. data: for askers that take some. */
void exchange_accept(struct exchange *x, const struct auth_answer *a, struct str data);
/* An answered() for the questions that have a struct auth_answer: ends with what auth says. */
void exchange_decide(struct exchange *x, struct get *g);
/*
 * Whom the client wants to act for and who it is, as one login: the same, or "authzid*authcid",
 * which auth takes from master users. Borrowed until the next call; -1 = too long.
 */
int exchange_identity(struct str authzid, struct str authcid, struct str *login);
/* Is `password` that of `login`? Ends with what auth says. */
void exchange_password(struct exchange *x, struct str login, struct str password);
/* The first part of a question about x->login. */
struct auth_who exchange_who(const struct exchange *x, struct str login);
/* A question of one of auth.h's types; answered() gets what comes, or the exchange ends as "later".
 */
void exchange_ask(struct exchange *x, uint16_t type, const struct put *w,
    void (*answered)(struct exchange *x, struct get *g));

#endif
