/*
 * The servers that ask: their channels, and what they are told to offer.
 */
#ifndef SASL_SERVER_H
#define SASL_SERVER_H

#include "base/chan.h"
#include "proto/conf.h"

extern const struct chan_row server_rows[];
void server_up(struct chan *c);
void server_down(struct chan *c);

/* Takes the names of the mechanisms to offer from the settings. */
void server_load(const struct conf *c);
/* They may have changed: tells all servers. */
void server_tell(void);

#endif
