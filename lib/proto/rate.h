/*
 * Rates of mail to other hosts, as settings write them: so many messages, recipients or connections
 * in so much time.
 */
#ifndef PROTO_RATE_H
#define PROTO_RATE_H

#include <stdint.h>

#include "base/str.h"

enum rate_kind { RATE_MESSAGES, RATE_RECIPIENTS, RATE_CONNECTIONS, RATES };

struct rate {
	uint32_t n; /* 0 = as many as there are */
	uint64_t ms; /* in that time */
};
struct rates {
	struct rate of[RATES];
};

/* "100 messages/1m", "5 connections/1s": added to r. -1 when it is not of that form. */
int rates_parse(struct str text, struct rates *r);
const char *rate_name(enum rate_kind k); /* "messages" */

#endif
