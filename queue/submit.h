/*
 * Messages of other parts of this host: reports about TLS, from services/policy. It says to whom and
 * what; the sender is the one of the settings, and nobody is told what becomes of them, so that no
 * report leads to another one. services/policy reads what strangers publish, so it is not believed that
 * the recipient wants one: the record of the domain that it is about has to say so (RFC 8460 3).
 */
#ifndef QUEUE_SUBMIT_H
#define QUEUE_SUBMIT_H

#include "message.h"

int submit_on_report(struct chan *c, struct ipc_msg *m);
/* That services/policy has gone: nobody waits for its answers any more. */
void submit_down(struct chan *c);

#endif
