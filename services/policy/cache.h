/*
 * What is known of domains: the policy of each, kept on disk until it expires, and for a while that a
 * domain has none. discover.c finds out; this file remembers.
 */
#ifndef POLICY_CACHE_H
#define POLICY_CACHE_H

#include <sys/queue.h>

#include "base/chan.h"
#include "store.h"
#include "sts.h"

enum {
	ENTRIES_MAX =
	    100 * 1000, /* domains; beyond that, those that have none are forgotten first */
	POLICIES_MAX = 20 * 1000, /* that are kept; more are used and not kept */
	POLICY_BYTES_MAX = 16 * 1024 * 1024, /* of all of them; most are below 300 bytes */
	/* whoever has a few hundred domains with large ones must not keep out all others: these have half */
	POLICY_USUAL = 1024, /* bytes of one */
	POLICY_BYTES_LARGE =
	    POLICY_BYTES_MAX / 2, /* as soon as there is so much, only usual ones */
};

struct entry {
	LIST_ENTRY(entry) chain;
	TAILQ_ENTRY(entry) order; /* least recently asked for first */
	char *domain;
	/* the policy; no text = there is none. Times are seconds since 1970 */
	char *text;
	size_t size;
	struct sts_policy policy;
	char id[STS_ID_MAX + 1];
	int64_t fetched, expires;
	/* on the loop's clock: until when nobody needs to look again, or may fetch again */
	uint64_t checked, fetch_again;
	char why[POLICY_WHY_MAX + 1]; /* how the last look went, for people */
	uint8_t failure; /* enum tls_failure: the same for reports */

	/* discover.c */
	struct ask ask;
	bool busy;
	char found[STS_ID_MAX + 1]; /* id that DNS says */
	uint32_t ttl; /* seconds that it says so */
	TAILQ_HEAD(, waiter) waiters;
};

/* Reads what is on disk; what is malformed or has expired is dropped. */
void cache_open(struct store *s);

struct entry *cache_find(struct str domain); /* NULL: not known */
/* Makes it, if it is not known; NULL when there is no room. */
struct entry *cache_get(struct str domain);
/* The one behind e in the order of their use; e NULL = the first. */
struct entry *cache_next(struct entry *e);

/* Is there a policy that has not expired? */
bool cache_holds(const struct entry *e);
/*
 * Takes a policy that was fetched now. text passed sts_parse(). False when it is not to be kept, for want
 * of room: cache_drop() it when it has been used.
 */
bool cache_keep(struct entry *e, struct str id, struct str text, const struct sts_policy *p);
/* Forgets the policy, on disk as well. */
void cache_drop(struct entry *e);

struct cache_counts {
	unsigned entries, policies;
	size_t bytes; /* of policies */
};
struct cache_counts cache_counts(void);

#endif
