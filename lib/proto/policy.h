/*
 * Questions to services/policy: what does a domain publish of how it is to be sent mail (MTA-STS,
 * RFC 8461)? Each is one packet, and so is its answer, within POLICY_MS.
 */
#ifndef PROTO_POLICY_H
#define PROTO_POLICY_H

#include "base/ipc.h"
#include "proto/tls_result.h"

enum {
	POLICY_MS = 125 * 1000, /* for chan_ask(): DNS and HTTPS behind each other */
	POLICY_WHY_MAX = 200,
};

enum sts_mode { STS_NONE, STS_TESTING, STS_ENFORCE, STS_MODES };
/* "none", "testing", "enforce" */
const char *sts_mode_name(uint8_t mode);

/* POLICY_ASK: may mail for that domain be given to that host (of its MX records)? */
struct policy_question {
	uint64_t trace;
	struct str domain, host;
};
struct policy_reply {
	uint8_t mode; /* STS_NONE: there is no policy, or one that says so */
	bool named; /* the host is one of those of the policy */
	uint8_t failure; /* enum tls_failure: why there is no policy, where there should be one */
	struct str why; /* where it is from, or why there is none, for people */
};
void put_policy_question(struct put *w, const struct policy_question *q);
int get_policy_question(struct get *g, struct policy_question *q); /* borrows from the packet */
void put_policy_reply(struct put *w, const struct policy_reply *r);
int get_policy_reply(struct get *g, struct policy_reply *r); /* borrows from the packet */

#endif
