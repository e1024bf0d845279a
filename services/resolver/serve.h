/* Questions of other programs, each a job until its answer is complete or its time is over. */
#ifndef RESOLVER_SERVE_H
#define RESOLVER_SERVE_H

#include "base/buf.h"
#include "base/chan.h"

extern const struct chan_row serve_rows[], serve_client_rows[]; /* for smtpd: the latter */

void serve_timeout(uint64_t ms); /* for one question */

/* A channel to a peer that asks has gone: its jobs are dropped. */
void serve_peer_down(struct chan *c);
/* Calls done() once no job is left. */
void serve_drain(void (*done)(void));

void serve_status(struct buf *out);

#endif
