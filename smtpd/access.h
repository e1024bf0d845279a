/* Questions to lookup: may this client, this recipient pass? */
#ifndef SMTPD_ACCESS_H
#define SMTPD_ACCESS_H

#include "proto/lookup.h"
#include "session.h"

/* May the login of this session send in the name of these addresses? As access_ask(). */
void access_ask_senders(struct session *s, const struct str *addresses, uint32_t n,
    void (*fn)(struct session *s, const struct access_answer *a));

/*
 * Asks with what the session knows; the session waits. fn gets the answer; when there is none, a
 * temporary refusal is made up.
 */
void access_ask(struct session *s, uint16_t type, struct str rcpt,
    void (*fn)(struct session *s, const struct access_answer *a));

#endif
