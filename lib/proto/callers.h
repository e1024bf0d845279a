/*
 * The service's side of a control socket (control.h): tools that the owner of the suite has
 * started. Others are turned away. A service that serves strangers as well, or counts what its
 * callers hold, has its own.
 */
#ifndef PROTO_CALLERS_H
#define PROTO_CALLERS_H

#include <sys/queue.h>

#include "base/chan.h"

struct caller {
	struct chan chan; /* first: handlers get it */
	struct chan_ref waits; /* the service's own: a question that is answered later */
	bool waiting;
	LIST_ENTRY(caller) next;
};

/* Before confinement: remembers who the owner is. */
void callers_prepare(void);
/* Takes connections at that descriptor of master ("socket.keys"). rows stay the caller's. */
void callers_start(const char *socket, const struct chan_row *rows);
/* Those who are connected; NULL at the end. */
struct caller *callers_next(struct caller *c); /* NULL = the first */

/*
 * Turns a connection away and closes it: the answer to whatever it will ask, so that the tool can say why. Takes *fd,
 * leaves -1. A service with a socket of its own (see above) has the same two reasons.
 */
enum caller_refusal { CALLER_FOREIGN, CALLER_ONE_TOO_MANY };
void callers_refuse(int *fd, enum caller_refusal why);

/* An answer: any number of records, then the end with an exit status for the tool. */
void caller_record(struct chan *c, struct chan_ref ref, struct str json);
void caller_end(struct chan *c, struct chan_ref ref, uint32_t status, const char *text);

#endif
