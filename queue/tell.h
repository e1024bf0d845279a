/* The events of the queue, as they are documented in thurn-queue(8). */
#ifndef QUEUE_TELL_H
#define QUEUE_TELL_H

#include "message.h"

void tell_accepted(const struct message *m, const char *how);
/* One recipient, after a try. */
void tell_delivered(const struct message *m, const struct target *t);
void tell_deferred(const struct message *m, const struct target *t);
void tell_bounced(const struct message *m, const struct target *t);
/* What was left out until the message was accepted. */
void tell_untold(struct message *m);
/* An administrator sends it elsewhere: to m->redirect. */
void tell_redirected(const struct message *m, const struct target *t);
void tell_expired(const struct message *m, const struct target *t);
/* The message as a whole: "removed", "held", "deleted", ... */
void tell_message(const struct message *m, const char *event);

#endif
