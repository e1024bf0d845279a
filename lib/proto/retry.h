/*
 * When what has failed is tried again, by whose fault it was: "greylisting 5m 10m 30m" waits five
 * minutes after the first try, ten after the second, and thirty after each later one.
 */
#ifndef PROTO_RETRY_H
#define PROTO_RETRY_H

#include "proto/deliver.h"

enum { RETRY_STEPS = 12 };

struct retry_times {
	struct {
		uint8_t n; /* 0 = the usual */
		uint32_t seconds[RETRY_STEPS];
	} of[FAULTS];
};

/* Added to r. -1 when it is not of that form. */
int retry_parse(struct str text, struct retry_times *r);
/* Seconds after that many tries; 0 = the usual. */
uint32_t retry_seconds(const struct retry_times *r, uint8_t fault, unsigned attempts);

#endif
