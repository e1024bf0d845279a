/*
 * The header of a message on its way out: recipients are taken from it (-t), fields that do not leave
 * this host are dropped, a From field with the full name is added.
 */
#ifndef SENDMAIL_MESSAGE_H
#define SENDMAIL_MESSAGE_H

#include "request.h"

struct message {
	struct buf header; /* as it will be sent, line ends as they were; init by message_read() */
	struct str body; /* with the empty line before it */
	bool from; /* has a From field */
	bool utf8; /* there are bytes above 127 in the header */
	bool eightbit; /* ... or anywhere */
};

/* Reads text, which must stay. With -t, adds recipients to r. An exit status, with a complaint. */
int message_read(struct message *m, struct request *r, struct str text);
void message_clear(struct message *m);
/* Adds "From: Full Name <address>" on top. */
void message_add_from(struct message *m, const char *full_name, struct str address);

#endif
