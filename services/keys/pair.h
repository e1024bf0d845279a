/* A certificate chain and its private key, out of two PEM files. */
#ifndef KEYS_PAIR_H
#define KEYS_PAIR_H

#include "keyfile.h"
#include "net/tls.h"

enum { PAIR_SECONDS_PER_DAY = 86400 };

struct pair {
	uint64_t id; /* of the public key: the same for a renewed certificate */
	EVP_PKEY *key;
	struct tls_certificate certificate; /* its chain is the pair's */
	const char *kind; /* "RSA", "EC", "ED25519" */
	unsigned bits;
	int64_t not_before, not_after; /* seconds since 1970 */
	char names[256]; /* in it, for the log; cut */
	bool disordered; /* a certificate of the chain was not issued by the next one */
};

/*
 * Reads both files (from their start; the descriptors stay the caller's). NULL with a sentence in
 * why (KEYFILE_WHY bytes) when either is malformed, too large, encrypted, of an unusable kind, or they
 * do not belong together. Dates are not judged here.
 */
struct pair *pair_load(int certificate_fd, int key_fd, char *why);
/* The same from memory. */
struct pair *pair_parse(struct str certificate, struct str key, char *why);
void pair_free(struct pair *p); /* NULL is fine */

/* Why it cannot be used at that time; NULL = it can. */
const char *pair_date_fault(const struct pair *p, int64_t now);
/* The same, or what is wrong with its chain: most clients put up with that, but not all. */
const char *pair_fault(const struct pair *p, int64_t now);
int pair_days(const struct pair *p, int64_t now); /* left; negative when it has expired */

#endif
