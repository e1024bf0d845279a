/*
 * Logins at other hosts. services/credentials has them all; deliver/remote gets the one that a job
 * needs, and none but for a job that it holds: the queue puts a ticket into each job, sealed with a key that
 * it shares with credentials and that deliver/remote does not know.
 *
 * CREDENTIALS_KEY (notice, queue -> credentials): {u64, u64}: tickets are sealed with this from now on.
 * CREDENTIALS_ASK (request, remote -> credentials): with what does this job log in at that next hop?
 * CREDENTIALS_LOOK (request, queue -> credentials): the same for whoever wants it explained: no ticket, no
 *	secret. Both are answered within CREDENTIALS_MS.
 * CREDENTIALS_REFUSED (notice, remote -> credentials): that login was refused at that next hop (struct
 *	credential_refusal). Whoever asks for it there hears so instead, for remote_auth_refused_time.
 */
#ifndef PROTO_CREDENTIALS_H
#define PROTO_CREDENTIALS_H

#include "base/ipc.h"
#include "mail/status.h"
#include "proto/conf.h"

enum {
	CREDENTIALS_MS = 90 * 1000, /* for chan_ask(): with a token that has to be fetched */
	CREDENTIAL_USER_MAX = 320,
	CREDENTIAL_SECRET_MAX = 8192, /* bytes of a password, or of a token */
	CREDENTIAL_RULE_MAX = 1100, /* "/etc/thurn/credentials:12" */
	TICKET_MS = 30 * 60 *
		    1000, /* a job may have to wait for a connection, and for next hops that fail */
};

/* --- tickets --------------------------------------------------------------------------------- */

/* Mail from that sender may go that way now. All zero: there is no key. With a key of zeros, none is good. */
struct ticket {
	uint64_t until; /* on the loop's clock, which is the same for all */
	uint64_t seal;
};
struct ticket ticket_make(const uint64_t key[2], uint64_t until, struct str sender, struct str way);
bool ticket_good(
    const uint64_t key[2], const struct ticket *t, uint64_t now, struct str sender, struct str way);
void put_ticket(struct put *w, const struct ticket *t);
void get_ticket(struct get *g, struct ticket *t);

void put_ticket_key(struct put *w, const uint64_t key[2]);
int get_ticket_key(struct get *g, uint64_t key[2]);

/* --- questions ------------------------------------------------------------------------------- */

enum credential_kind { CREDENTIAL_PASSWORD, CREDENTIAL_TOKEN, CREDENTIAL_KINDS };
const char *credential_kind_name(uint8_t kind); /* "password", "oauth" */

struct credential_question {
	uint64_t trace;
	struct ticket ticket;
	struct str sender, way; /* of the job, as the ticket seals them */
	uint8_t hop; /* index in the way */
	uint64_t rejected; /* the id of a token that the next hop did not take; 0 = none */
};
struct credential_reply {
	struct status status; /* code 0: here it is; else why the job has to wait */
	uint8_t kind;
	uint64_t id; /* the same as long as it is the same login */
	uint64_t token; /* the id of this token */
	struct str user, secret;
	struct str rule; /* where it stands */
};
void put_credential_question(struct put *w, const struct credential_question *q);
int get_credential_question(
    struct get *g, struct credential_question *q); /* borrows from the packet */
void put_credential_reply(struct put *w, const struct credential_reply *r);
int get_credential_reply(struct get *g, struct credential_reply *r); /* borrows from the packet */

/* The answer is a struct credential_reply without ids and secret. */
struct credential_look {
	struct str sender, nexthop;
};
void put_credential_look(struct put *w, const struct credential_look *l);
int get_credential_look(struct get *g, struct credential_look *l); /* borrows from the packet */

/* Whoever has not been given a login does not know its id. */
struct credential_refusal {
	uint64_t id; /* credential_reply.id */
	struct str nexthop;
	struct status status; /* what becomes of mail meanwhile; its code is not 0 */
};
void put_credential_refusal(struct put *w, const struct credential_refusal *r);
int get_credential_refusal(
    struct get *g, struct credential_refusal *r); /* borrows from the packet */

/* --- mechanisms ------------------------------------------------------------------------------ */

/* Those of SASL that deliver/remote speaks. */
enum login_mechanism {
	LOGIN_SCRAM_SHA_256_PLUS,
	LOGIN_SCRAM_SHA_256,
	LOGIN_SCRAM_SHA_1_PLUS,
	LOGIN_SCRAM_SHA_1,
	LOGIN_PLAIN,
	LOGIN_LOGIN,
	LOGIN_OAUTHBEARER,
	LOGIN_XOAUTH2,
	LOGIN_MECHANISMS
};
int login_mechanism(struct str name); /* of any case; -1 = none of them */
const char *login_mechanism_name(enum login_mechanism m);
enum credential_kind login_mechanism_kind(enum login_mechanism m); /* what it logs in with */

#endif
