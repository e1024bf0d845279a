/*
 * What was counted about one domain in one period, a day or a part of one: sessions that had the TLS
 * that its policies want, and those that had not, by reason (RFC 8460 4). And how far the report about
 * it has come. Everything in it is bounded; what does not fit counts in sums alone.
 */
#ifndef POLICY_TALLY_H
#define POLICY_TALLY_H

#include <stdbool.h>

#include "mail/tlsrpt.h"
#include "proto/fetch.h"
#include "proto/tls_result.h"

enum {
	TALLY_POLICIES = 8, /* that were applied: each MX host can have TLSA records of its own */
	TALLY_FAILURES = 16, /* kinds of them, of one policy */
	TALLY_TEXT_MAX = 4096, /* bytes of a policy in words; whole lines are left out */
	TALLY_BYTES_MAX = 160 * 1024, /* of put_tally() */
};

struct tally_failure {
	uint8_t failure; /* enum tls_failure */
	struct ip ours, theirs;
	char *host, *reason; /* both yours */
	uint64_t sessions;
};

struct tally_policy {
	uint8_t type; /* enum tls_policy_type */
	char *domain; /* policy domain (RFC 8460 1.1) */
	char *text; /* the policy, one string a line */
	uint64_t good, bad; /* sessions */
	struct tally_failure *failures;
	uint32_t nfailures;
};

/* What became of the report at one place. */
enum rua_state {
	RUA_TODO,
	RUA_TRYING, /* begun: if that is all that is known, it may have arrived, and is not sent again */
	RUA_DONE,
	RUA_STATES
};
struct tally_rua {
	char uri[TLSRPT_PLACE_MAX + 1];
	uint8_t state;
};

struct tally {
	char *domain;
	int64_t begin, end; /* seconds since 1970; end 0 = it is not over */
	uint64_t lost; /* sessions that no policy was kept for */
	size_t bytes; /* memory that it takes, about */
	struct tally_policy *policies;
	uint32_t npolicies;
	/* the report */
	bool reported; /* kept so that the same day is not begun again */
	int64_t next; /* when it is to be tried, seconds since 1970; 0 = not decided */
	uint32_t tries;
	struct tally_rua ruas[TLSRPT_PLACES];
	uint32_t nruas; /* 0 = not looked for */
};

struct tally *tally_new(struct str domain, int64_t begin);
void tally_free(struct tally *t); /* NULL is fine */

/*
 * Counts one session. text: the policy, where r does not say it (TLS_POLICY_STS). room: it may become
 * larger for that.
 */
void tally_add(struct tally *t, const struct tls_result *r, struct str text, bool room);
/* Forgets all that was counted. */
void tally_empty(struct tally *t);
/* All sessions in it that were as they should be, and all others. */
void tally_sums(const struct tally *t, uint64_t *good, uint64_t *bad);

void put_tally(struct put *w, const struct tally *t);
/* Yours, or NULL when malformed. */
struct tally *get_tally(struct get *g);

#endif
