/*
 * Questions to services/fetch, each one HTTPS request, in one packet, and so is its answer. Who asks
 * names a kind of request and what it is about; what URL that is, who may ask it, and what goes into
 * the request is decided there (services/fetch/kind.c). Answered within FETCH_MS.
 */
#ifndef PROTO_FETCH_H
#define PROTO_FETCH_H

#include "base/ipc.h"

enum fetch_kind {
	FETCH_STS, /* target: a domain, whose MTA-STS policy is wanted (RFC 8461 3.3) */
	FETCH_REPORT, /* target: URL that a domain wants its reports at; body: the report (RFC 8460 5.4) */
	FETCH_INTROSPECT, /* target: none; body: the form about a token (RFC 7662 2.1) */
	FETCH_TOKEN, /* target: URL of a token endpoint; body: the form (RFC 6749 6) */
	FETCH_KINDS
};

enum fetch_outcome {
	FETCH_ANSWERED, /* with any status */
	FETCH_REFUSED, /* not to be asked: by whom, or where, or so much */
	FETCH_BUSY, /* too many at once: later */
	FETCH_NO_ADDRESS, /* that DNS tells and that may be connected to */
	FETCH_NO_CONNECTION,
	FETCH_BAD_CERTIFICATE,
	FETCH_NO_ANSWER, /* no valid one */
	FETCH_TOO_LARGE,
	FETCH_TIMEOUT,
	FETCH_OUTCOMES
};

enum {
	FETCH_MS = 75 * 1000, /* for chan_ask(); more than fetch_timeout can be */
	FETCH_URL_MAX = 1024,
	FETCH_AUTHORIZATION_MAX = 4096,
	FETCH_CREDENTIAL_MAX = 500, /* bytes of a name and of a secret in it, as set */
	FETCH_BODY_MAX = 48 * 1024, /* that is sent */
	FETCH_ANSWER_MAX = 60 * 1024,
	FETCH_TYPE_MAX = 128,
	FETCH_WHY_MAX = 256,
};

struct fetch_question {
	uint64_t trace;
	uint8_t kind;
	struct str target;
	struct str authorization; /* value of the Authorization field; empty = none */
	struct str body;
};
void put_fetch_question(struct put *w, const struct fetch_question *q);
int get_fetch_question(struct get *g, struct fetch_question *q); /* borrows from the packet */

struct fetch_reply {
	uint8_t outcome;
	uint16_t status; /* of HTTP, when answered */
	struct str type; /* Content-Type, as it came; may be empty */
	struct str body;
	struct str why; /* in words, when not answered */
};
void put_fetch_reply(struct put *w, const struct fetch_reply *r);
int get_fetch_reply(struct get *g, struct fetch_reply *r); /* borrows from the packet */

/* "answered", "refused", ... */
const char *fetch_outcome_name(uint8_t outcome);

#endif
