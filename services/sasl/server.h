/*
 * The servers that ask: their channels, and what they are told to offer.
 */
#ifndef SASL_SERVER_H
#define SASL_SERVER_H

#include "base/chan.h"

extern const struct chan_row server_rows[];
void server_up(struct chan *c);
void server_down(struct chan *c);

/* What is offered (offer.h) may have changed: tells all servers. */
void server_tell(void);

#endif
