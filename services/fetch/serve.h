/* Questions and their answers. */
#ifndef FETCH_SERVE_H
#define FETCH_SERVE_H

#include "base/chan.h"
#include "settings.h"

extern const struct chan_row serve_rows[];

void serve_settings(const struct settings *s); /* which must stay */

/* A channel to a peer that asks has gone: its jobs are dropped. */
void serve_peer_down(struct chan *c);
/* Calls done() once no job is left. */
void serve_drain(void (*done)(void));

void serve_status(struct buf *out);

#endif
