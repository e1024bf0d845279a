/* The processes that smtpd asks. */
#ifndef SMTPD_PEERS_H
#define SMTPD_PEERS_H

#include "base/chan.h"
#include "proto/role.h"

/* The channel to lookup, queue or sasl, or NULL while there is none; chan_ask() takes NULL as well. */
struct chan *peer(enum role role);
void peer_up(struct chan *c);
void peer_down(struct chan *c);

#endif
