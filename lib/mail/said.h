/*
 * The text of a status that is another host's reply: the reply as it was given, and what it was given to,
 *	said: 550 5.1.1 nobody (in reply to RCPT TO command)
 * Mail administrators know that from Postfix, and it tells apart what others said and what we say of them.
 */
#ifndef MAIL_SAID_H
#define MAIL_SAID_H

#include <stdbool.h>

#include "mail/status.h"

void said_reply(
    struct status *st, int code, const char *enhanced, const char *reply, const char *command);
/* Such a text? Then *reply is "550 5.1.1 nobody"; the text may have been cut. */
bool said_is_reply(struct str text, struct str *reply);
/*
 * Why, for people: "host mx.example[192.0.2.1] said: 550 ...", or the text alone when it is ours; in out or borrowed
 * from text. relay as in a log, with or without a port.
 */
enum { SAID_WHY_MAX = STATUS_TEXT_MAX + 400 };
struct str said_why(struct str relay, struct str text, char out[SAID_WHY_MAX]);

#endif
