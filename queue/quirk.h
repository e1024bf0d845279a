/*
 * What servers say that they can do and cannot, by host: found out by deliver/remote, or known to an
 * administrator. Each holds for its time, over restarts (a file of the spool), for all workers.
 */
#ifndef QUEUE_QUIRK_H
#define QUEUE_QUIRK_H

#include "base/buf.h"
#include "base/chan.h"

/* Reads the file. */
void quirk_open(void);
/* A worker of deliver/remote is there: it hears all. */
void quirk_worker_up(struct chan *c);
/* DELIVER_QUIRK of a worker: it has found one out. */
int quirk_on_found(struct chan *c, struct ipc_msg *m);
/* Every second: ends those whose time has come. */
void quirk_tick(void);

/* Requests of the control socket: see control.h of lib/proto. */
int quirk_on_list(struct chan *c, struct ipc_msg *m);
int quirk_on_set(struct chan *c, struct ipc_msg *m);

/* For tests: the file's text and back. -1 when it is damaged (nothing is taken). */
int quirk_encode(struct buf *b);
int quirk_decode(struct str text, int64_t now);

#endif
