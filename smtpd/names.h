/*
 * The client's name, and whether it is on a DNS list: asked of the resolver when the client comes,
 * while it is greeted, and waited for only when its first recipient is to be judged.
 */
#ifndef SMTPD_NAMES_H
#define SMTPD_NAMES_H

#include "session.h"

/* Asks, if there is something to ask for this client; forgets what was known of another. */
void name_find(struct session *s);
/* True: not all is known yet; the session waits, and then(s) is called when it is. */
bool name_wait(struct session *s, void (*then)(struct session *s));
/* The session ends. */
void name_forget(struct session *s);

#endif
