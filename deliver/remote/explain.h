/* DELIVER_HOP: where would mail for a next hop go now? Answered by what deliveries are decided by.
 */
#ifndef REMOTE_EXPLAIN_H
#define REMOTE_EXPLAIN_H

#include "base/chan.h"

int explain_hop(struct chan *c, struct ipc_msg *m); /* -1 when malformed */
/* The channel is going down: what it asked is forgotten. */
void explain_forget(struct chan *c);

#endif
