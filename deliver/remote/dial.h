/*
 * Making a connection to one of two addresses of a host, from one of ours: the second one, if there is, gets its
 * chance when the first has not answered within DIAL_SECOND_MS or has failed (RFC 8305, for two
 * families).
 */
#ifndef REMOTE_DIAL_H
#define REMOTE_DIAL_H

#include <stdint.h>

#include "net/ip.h"
#include "proto/deliver.h"

enum { DIAL_SECOND_MS = 250 };

struct dialled {
	int fd; /* connected and the receiver's; -1 = none */
	unsigned which; /* of the two */
	int error[2]; /* errno of those that failed, else 0 */
	bool tried[2];
	bool ours[2]; /* it is this host that cannot send from the address that it should */
};

struct dial;

/*
 * second may be NULL. from: addresses of this host, by family as in struct deliver_source; none of that family:
 * any. ms: for each. done() is called once, from the loop, and d is gone then.
 */
struct dial *dial_start(const struct ip *first, const struct ip *second, uint16_t port,
    const struct deliver_source *from, uint64_t ms,
    void (*done)(void *arg, const struct dialled *d), void *arg);
/* Gives up; done() will not be called. NULL is fine. */
void dial_cancel(struct dial *d);

#endif
