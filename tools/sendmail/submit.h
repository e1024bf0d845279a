/* The message over the local submission socket, in SMTP. */
#ifndef SENDMAIL_SUBMIT_H
#define SENDMAIL_SUBMIT_H

#include "message.h"
#include "request.h"

/* Sends it to all recipients; an exit status, with a complaint. */
int submit_message(struct request *r, struct message *m);
/* -bv: asks which recipients would be accepted, and says so on standard output. */
int submit_verify(struct request *r);
/* -bs: joins standard input and output to the socket. */
int submit_dialogue(const struct request *r);

#endif
