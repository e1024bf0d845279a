/*
 * Messages of other parts of this host: reports about TLS, from services/policy. It says to whom and
 * what; the sender is the one of the settings, and nobody is told what becomes of them, so that no
 * report leads to another one.
 */
#ifndef QUEUE_SUBMIT_H
#define QUEUE_SUBMIT_H

#include "message.h"

int submit_on_report(struct chan *c, struct ipc_msg *m);

#endif
