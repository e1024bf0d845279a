/* What keeps mail for a destination from going now, from the running scheduler. */
#ifndef QUEUE_WHY_H
#define QUEUE_WHY_H

#include "walk.h"

/* Requests of the control socket: see control.h of lib/proto. */
int why_on_why(struct chan *chan, struct ipc_msg *m);
int why_on_suspend(struct chan *chan, struct ipc_msg *m);
int why_on_resume(struct chan *chan, struct ipc_msg *m);
int why_on_suspended(struct chan *chan, struct ipc_msg *m);
int why_on_sources(struct chan *chan, struct ipc_msg *m);

#endif
