/*
 * Taking messages in: from smtpd (QUEUE_COMMIT) and from the queue itself (reports). A 250 goes out
 * when the message is synced into the spool, or (the short cut) when all of it has been delivered.
 */
#ifndef QUEUE_ACCEPT_H
#define QUEUE_ACCEPT_H

#include "message.h"

int accept_on_commit(struct chan *c, struct ipc_msg *m);
/* That smtpd has gone: nobody waits for its answers any more. */
void accept_down(struct chan *c);

/* Makes the targets of the recipients in m->content. */
void accept_targets(struct message *m);
/* The file of m is sealed and synced. */
void accept_sealed(struct message *m);
/* On with a message whose recipients are to be delivered: asks for routes, then delivers. */
void accept_go(struct message *m);
/* A job of the short cut has ended. */
void accept_shortcut(struct message *m);

#endif
