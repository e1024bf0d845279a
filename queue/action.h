/* What rules of access(5) want done with a message: the queue's part. */
#ifndef QUEUE_ACTION_H
#define QUEUE_ACTION_H

#include "message.h"

/* The action of that kind, or NULL. */
const struct action *action_of(const struct message *m, enum action_kind kind);

/*
 * REDIRECT and BCC: changes the recipients of m, whose envelope has just come in. From then on they
 * are recipients like any other.
 */
void action_recipients(struct message *m);

#endif
