/*
 * Notices of deliver/remote to services/policy: how TLS went with another host, for the reports that
 * its domain may want (RFC 8460).
 *
 * POLICY_RESULT (notice): struct tls_result, one for each connection, or for a host that was not to be
 *	connected to. Who reports may lose some: nothing waits for them.
 */
#ifndef PROTO_TLS_RESULT_H
#define PROTO_TLS_RESULT_H

#include "base/ipc.h"
#include "net/ip.h"

/* What the domain has published that was applied. */
enum tls_policy_type { TLS_POLICY_NONE, TLS_POLICY_STS, TLS_POLICY_TLSA, TLS_POLICY_TYPES };
/* RFC 8460 4.2: "no-policy-found", "sts", "tlsa" */
const char *tls_policy_type_name(uint8_t type);

/* What went wrong (RFC 8460 4.3). */
enum tls_failure {
	TLS_FAILED_NOT, /* success */
	TLS_FAILED_STARTTLS, /* not offered, or refused */
	TLS_FAILED_NAME,
	TLS_FAILED_EXPIRED,
	TLS_FAILED_TRUST,
	TLS_FAILED_OTHERWISE,
	TLS_FAILED_TLSA, /* none of the records can be used */
	TLS_FAILED_DNSSEC,
	TLS_FAILED_NO_DANE, /* records are demanded here, and there are none */
	TLS_FAILED_STS_FETCH,
	TLS_FAILED_STS_POLICY,
	TLS_FAILED_STS_WEB, /* certificate of the server that has the policy */
	TLS_FAILURES
};
/* "starttls-not-supported", ...; "" for success */
const char *tls_failure_name(uint8_t failure);

enum {
	TLS_RESULT_STRINGS = 16, /* records; the rest is left out */
	TLS_RESULT_STRING_MAX = 1024 + 16, /* what is longer is cut */
	TLS_RESULT_REASON_MAX = 200,
};

struct tls_result {
	struct str domain; /* of the recipients: who may want the report */
	uint8_t type; /* enum tls_policy_type */
	uint8_t failure; /* enum tls_failure */
	struct str base; /* TLS_POLICY_TLSA: the TLSA base domain; else empty */
	struct str strings[TLS_RESULT_STRINGS]; /* its records, "3 1 1 AB12..." */
	uint32_t nstrings;
	struct str host; /* MX host */
	struct ip ours, theirs; /* addresses; family 0 = not connected */
	struct str reason; /* in words; may be empty */
};
void put_tls_result(struct put *w, const struct tls_result *r);
int get_tls_result(struct get *g, struct tls_result *r); /* borrows from the packet */

#endif
