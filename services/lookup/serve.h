/*
 * Questions of smtpd and the queue, answered at once where all is known; else they wait as jobs for
 * the accounts that auth is asked for.
 */
#ifndef LOOKUP_SERVE_H
#define LOOKUP_SERVE_H

#include "base/buf.h"
#include "base/chan.h"
#include "policy.h"

extern const struct chan_row serve_smtpd_rows[], serve_submit_rows[], serve_queue_rows[],
    serve_auth_rows[];

/* The policy that questions are answered by; the former one is the caller's to free. */
void serve_policy(struct policy *p);

/* A channel to a peer that asks has gone: its jobs are dropped. */
void serve_peer_down(struct chan *c);
/* The channel to auth has come up or gone: what is known of accounts may be old. */
void serve_auth_changed(struct chan *c);

/* Calls done() once no job is left. */
void serve_drain(void (*done)(void));

void serve_status(struct buf *out);

#endif
