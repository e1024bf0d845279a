/*
 * The texts of MTA-STS (RFC 8461): the TXT record that says that there is a policy, and the policy.
 * Read strictly by the grammar there; whatever does not fit makes all of it void.
 */
#ifndef POLICY_STS_H
#define POLICY_STS_H

#include <stddef.h>

#include "base/str.h"
#include "proto/policy.h"

enum {
	STS_ID_MAX = 32,
	STS_AGE_MAX = 31557600, /* seconds; more counts as this */
	STS_HOSTS_MAX = 1000, /* mx lines of one policy */
};

/*
 * The id of a TXT record of _mta-sts (3.1). 1; 0 when it is no such record at all and to be left
 * aside; -1 when it is a malformed one.
 */
int sts_record(struct str text, struct str *id);

struct sts_policy {
	uint8_t mode; /* enum sts_mode */
	uint32_t max_age; /* seconds */
	unsigned nhosts;
};
/* 0, or -1 with what is wrong in *why, a sentence of ours. */
int sts_parse(struct str text, struct sts_policy *p, const char **why);

/* Walks the mx lines of a text that sts_parse() took; *rest begins as the text. False = no more. */
bool sts_host(struct str *rest, struct str *pattern);
/* Is it one of the hosts of such a text (4.1)? "*.example.org" stands for one label. */
bool sts_names(struct str text, struct str host);

#endif
