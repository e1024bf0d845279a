/*
 * The queue as mailq prints it: byte for byte the layout of Postfix with long queue ids, which scripts
 * take apart by columns.
 */
#ifndef THURN_LISTING_H
#define THURN_LISTING_H

#include <stdint.h>
#include <stdio.h>

#include "base/str.h"

struct listing {
	FILE *out;
	uint64_t messages, bytes;
};

/* One record of QUEUE_CTL_LIST; what is not such a record is left out. */
void listing_add(struct listing *l, struct str json);
/* The last line. */
void listing_end(struct listing *l);

#endif
