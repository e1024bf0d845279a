/* Tickets for services/credentials: each job to another host gets one. */
#ifndef QUEUE_CREDENTIALS_H
#define QUEUE_CREDENTIALS_H

#include "base/chan.h"
#include "proto/credentials.h"

void credentials_up(struct chan *c); /* which gets the key */
/* For mail from that sender that goes that way now; all zero without a way. */
struct ticket credentials_ticket(struct str sender, struct str way);

#endif
