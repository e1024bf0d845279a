/*
 * Questions of a tool to other programs of the suite (`thurn explain`): the queue talks to those
 * that decide where mail goes, and asks them for the tool what it asks them for itself.
 */
#ifndef QUEUE_PASSON_H
#define QUEUE_PASSON_H

#include "base/chan.h"

/* QUEUE_CTL_ASK; c is the tool's channel. -1 when malformed. */
int passon_question(struct chan *c, struct ipc_msg *m);
/* The tool has gone. */
void passon_forget(struct chan *c);

#endif
